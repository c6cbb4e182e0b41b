//! The page of `impasto sheet`: a grid of pictures, in one file.

use crate::contact_sheet::escape;

/// A sheet.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) title: String,
    /// The asset, as a data URI.
    pub(crate) asset: String,
    pub(crate) rows: Vec<Row>,
}

/// The pictures in one style.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) style: String,
    /// The style image, as a data URI.
    pub(crate) image: String,
    pub(crate) cells: Vec<Cell>,
}

/// A picture, and what paints it.
#[derive(Debug)]
pub(crate) struct Cell {
    /// Of a manifest.
    pub(crate) lines: String,
    pub(crate) made: Made,
}

#[derive(Debug)]
pub(crate) enum Made {
    Picture {
        /// A data URI.
        uri: String,
        took: String,
    },
    /// Why there is none.
    Failed(String),
}

const STYLE: &str = "body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #222 }\n\
    table { border-spacing: 1rem } td, th { vertical-align: top; text-align: left }\n\
    img { max-width: 32rem; display: block } th img { max-width: 12rem; max-height: 12rem }\n\
    pre { margin: .5rem 0; padding: .5rem; background: #f4f4f2; white-space: pre-wrap }\n\
    .took { color: #666 } .failed { color: #a12; max-width: 24rem }\n";

impl Page {
    fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.rows.iter().flat_map(|row| &row.cells)
    }

    /// How many pictures there are.
    pub(crate) fn pictures(&self) -> usize {
        self.cells().count() - self.failed()
    }

    /// How many pictures there are not.
    pub(crate) fn failed(&self) -> usize {
        self.cells().filter(|cell| matches!(cell.made, Made::Failed(_))).count()
    }

    pub(crate) fn html(&self) -> String {
        let title = escape(&self.title);
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n<h1>{title}</h1>\n{}\n<table>\n",
            image(&self.asset, "the asset"),
        );
        for row in &self.rows {
            let style = escape(&row.style);
            html.push_str(&format!("<tr><th>{style}{}</th>", image(&row.image, &style)));
            for cell in &row.cells {
                let lines = escape(&cell.lines);
                let made = match &cell.made {
                    Made::Picture { uri, took } => {
                        format!("{}<p class=\"took\">{took}</p>", image(uri, &style))
                    }
                    Made::Failed(reason) => format!("<p class=\"failed\">{}</p>", escape(reason)),
                };
                html.push_str(&format!("<td>{made}<pre>{lines}</pre></td>"));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</table>\n</html>\n");
        html
    }
}

fn image(uri: &str, alt: &str) -> String {
    format!("<img alt=\"{alt}\" src=\"{uri}\">")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_reasons_are_text() {
        let failed = Made::Failed("a < b".to_owned());
        let picture = Made::Picture { uri: "data:x".to_owned(), took: "1 s".to_owned() };
        let cell = |made| Cell { lines: "size = 1\n".to_owned(), made };
        let page = Page {
            title: "<wall>".to_owned(),
            asset: "data:a".to_owned(),
            rows: vec![Row {
                style: "\"night\"".to_owned(),
                image: "data:s".to_owned(),
                cells: vec![cell(picture), cell(failed)],
            }],
        };
        assert_eq!((page.pictures(), page.failed()), (1, 1));
        let html = page.html();
        assert!(!html.contains("<wall>") && html.contains("&lt;wall&gt;"), "{html}");
        assert!(html.contains("a &lt; b") && html.contains("src=\"data:x\""), "{html}");
        assert!(html.contains("<pre>size = 1\n</pre>"), "{html}");
    }
}
