//! Declares parameters, each in one place.
//!
//! From one list of fields, `parameters!` makes the struct that a method reads (every value
//! resolved), the patch for a manifest's table or a command's flags (every value optional), the
//! manifest's keys, and the checks of ranges. A new parameter is one entry here, one value in each
//! preset, and one line of docs/manifest.md.

/// Declares parameters. Each field is
///
/// ```text
/// /// What the eye sees when it grows.
/// #[arg(clap's arguments)]
/// name: Type as PatchType, "the range in words" |value| holds(value);
/// ```
///
/// where `Type: From<PatchType>`. The range is left out if every value is valid. Fields of the
/// struct alone, which have no key, are listed in its own braces. A parameter that
/// was added after a release has one more attribute, so that older actions keep their digests:
/// `#[serde(default, skip_serializing_if = "is_default")]`, whose default is what they did.
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        struct $name:ident {
            $($(#[doc = $plain_doc:literal])* $plain:ident: $plain_type:ty;)*
        }
        $(#[$patch_meta:meta])*
        struct $patch:ident {
            $(
                $(#[doc = $doc:literal])+
                #[arg($($arg:tt)*)]
                $(#[serde($($serde:tt)*)])?
                $field:ident: $type:ty as $patch_type:ty
                $(, $range:literal |$value:ident| $holds:expr)?;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $plain_doc])* pub $plain: $plain_type,)*
            $($(#[doc = $doc])+ $(#[serde($($serde)*)])? pub $field: $type,)*
        }

        $(#[$patch_meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "clap", derive(clap::Args))]
        #[serde(deny_unknown_fields, default)]
        pub struct $patch {
            $(
                $(#[doc = $doc])+
                #[cfg_attr(feature = "clap", arg(long, $($arg)*))]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$patch_type>,
            )*
        }

        impl $patch {
            /// The keys of a manifest's table, in the order of the fields.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($field)),*];

            /// This patch overridden by `over`: if both have a value, that of `over` counts.
            #[must_use]
            pub fn overlaid(&self, over: &Self) -> Self {
                Self { $($field: over.$field.clone().or_else(|| self.$field.clone()),)* }
            }

            /// The keys that have a value, each with it for display.
            pub fn set(&self) -> Vec<(&'static str, String)> {
                let all = [$((
                    stringify!($field),
                    self.$field.as_ref().map($crate::recipe::shown),
                )),*];
                all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
            }

            /// The same without the values of all keys but these.
            #[must_use]
            pub fn only(self, keys: &[&str]) -> Self {
                Self { $($field: self.$field.filter(|_| keys.contains(&stringify!($field))),)* }
            }

            /// Applies this patch to `parameters`. Does not check ranges.
            pub fn apply(&self, parameters: &mut $name) {
                $(if let Some(value) = &self.$field {
                    parameters.$field = value.clone().into();
                })*
            }
        }

        impl $name {
            /// Checks the range of each parameter by itself.
            pub(in $crate::recipe) fn check_ranges(&self) -> Result<(), $crate::RecipeError> {
                $($(
                    let $value = &self.$field;
                    if !$holds {
                        return Err($crate::RecipeError {
                            name: stringify!($field),
                            value: $crate::recipe::shown($value),
                            range: $range,
                        });
                    }
                )?)*
                Ok(())
            }
        }
    };
}

pub(super) use parameters;
