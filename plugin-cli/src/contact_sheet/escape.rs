//! HTML escapes.

/// Escapes `text` for content and for attributes in double quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows() {
        for (text, html) in [
            ("brick.png", "brick.png"),
            ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"),
            ("&amp;", "&amp;amp;"),
            ("münze", "münze"),
        ] {
            assert_eq!(escape(text), html);
        }
    }

    proptest! {
        #[test]
        fn nothing_escapes(text in ".*") {
            let html = escape(&text);
            prop_assert!(!html.contains(['<', '>', '"', '\'']));
        }
    }
}
