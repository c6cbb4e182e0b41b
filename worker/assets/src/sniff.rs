//! Detects a file's format by its first bytes, not by its name.

use impasto_types::ContainerFormat;

use crate::AssetErrorKind;

/// How many bytes of a file are needed to detect its format.
pub(crate) const HEAD_BYTES: usize = 64;

/// The format of the file whose first bytes are `head`. An extension of another format is an error:
/// other tools trust it, and the output would inherit it.
pub(crate) fn sniff(name: &str, head: &[u8]) -> Result<ContainerFormat, AssetErrorKind> {
    if head.is_empty() {
        return Err(AssetErrorKind::Empty);
    }
    if head.starts_with(b"version https://git-lfs") {
        return Err(AssetErrorKind::LfsPointer);
    }
    let announced = announced_format(name);
    match by_magic(head) {
        Some(holds) => match announced {
            Some(announced) if announced != holds => {
                Err(AssetErrorKind::Mislabelled { announced, holds })
            }
            _ => Ok(holds),
        },
        // TGA has no magic number: the extension must be `tga` or unknown.
        None if matches!(announced, Some(ContainerFormat::Tga) | None) && looks_like_tga(head) => {
            Ok(ContainerFormat::Tga)
        }
        None => Err(foreign(head).map_or(AssetErrorKind::NotAnImage, AssetErrorKind::Foreign)),
    }
}

/// The format that the extension names.
fn announced_format(name: &str) -> Option<ContainerFormat> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.rsplit_once('.').and_then(|(_, extension)| ContainerFormat::from_extension(extension))
}

fn by_magic(head: &[u8]) -> Option<ContainerFormat> {
    match head {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(ContainerFormat::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ContainerFormat::Jpeg),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(ContainerFormat::Tiff),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            Some(ContainerFormat::Webp)
        }
        [b'B', b'M', ..] => Some(ContainerFormat::Bmp),
        [b'D', b'D', b'S', b' ', ..] => Some(ContainerFormat::Dds),
        [b'g', b'l', b'T', b'F', ..] => Some(ContainerFormat::Glb),
        [b'q', b'o', b'i', b'f', ..] => Some(ContainerFormat::Qoi),
        [0xab, b'K', b'T', b'X', b' ', b'2', b'0', 0xbb, ..] => Some(ContainerFormat::Ktx2),
        [b'8', b'B', b'P', b'S', ..] => Some(ContainerFormat::Psd),
        [0x76, 0x2f, 0x31, 0x01, ..] => Some(ContainerFormat::Exr),
        _ if is_radiance(head) => Some(ContainerFormat::Hdr),
        _ if looks_like_gltf(head) => Some(ContainerFormat::Gltf),
        _ => None,
    }
}

/// Whether the first line is that of Radiance, or the one that other programs write.
fn is_radiance(head: &[u8]) -> bool {
    [&b"#?RADIANCE"[..], b"#?RGBE"].iter().any(|magic| head.starts_with(magic))
}

/// Whether the fields of an 18-byte TGA header have values that the format defines.
fn looks_like_tga(head: &[u8]) -> bool {
    let [_, map_type, image_type, .., _, _] = head else { return false };
    let [_, _, _, _, _, _, _, _, _, _, _, _, w0, w1, h0, h1, depth, ..] = head else {
        return false;
    };
    matches!(map_type, 0 | 1)
        && matches!(image_type, 1..=3 | 9..=11)
        && (*w0 | *w1) != 0
        && (*h0 | *h1) != 0
        && matches!(depth, 8 | 15 | 16 | 24 | 32)
}

/// Whether it begins as a glTF model that is text: as JSON, of which no other format is.
fn looks_like_gltf(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let inner = head.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    inner.is_some_and(|inner| inner.is_empty() || inner.starts_with(b"\""))
}

/// Common formats that are not supported, so that the error can name them.
fn foreign(head: &[u8]) -> Option<&'static str> {
    const MAGICS: [(&[u8], &str); 4] = [
        (b"GIF8", "gif"),
        (&[0xab, b'K', b'T', b'X'], "ktx"),
        (b"<svg", "svg"),
        (b"gimp xcf", "xcf"),
    ];
    if head.get(4..8) == Some(b"ftyp") {
        return Some("heif or avif");
    }
    MAGICS.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, what)| what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, head: &[u8], expected: &str) {
        let found =
            sniff(name, head).map_or_else(|kind| kind.to_string(), |format| format.to_string());
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn content_decides() {
        let png = b"\x89PNG\r\n\x1a\n";
        let mut tga = [0; 18];
        tga[2] = 2;
        tga[12] = 4;
        tga[14] = 4;
        tga[16] = 24;
        check("wall.png", png, "png");
        check("wall", png, "png");
        check("wall.PNG", png, "png");
        check("a.b/wall", png, "png");
        check("wall.tif", b"II*\0", "tiff");
        check("wall.tga", &tga, "tga");
        check("style 1", &tga, "tga");
        check("wall.bmp", &tga, "is not an image");
        check(
            "wall.png",
            &[0xff, 0xd8, 0xff, 0xe0],
            "holds jpg data, but its name says png: rename it or convert it",
        );
        check("chair.glb", b"glTF\x02\0\0\0", "glb");
        check("chair.gltf", b"{\n  \"asset\": {\"version\": \"2.0\"}}", "gltf");
        check("chair", b"\xef\xbb\xbf {\r\n \"scene\": 0, \"scenes\": []", "gltf");
        check("chair.gltf", b"{ hello }", "is not an image");
        check("wall.tga", png, "holds png data, but its name says tga: rename it or convert it");
        check("wall.tga", b"hello, this is text", "is not an image");
        check("wall.png", b"", "is empty");
        check(
            "wall.png",
            b"version https://git-lfs.example/spec/v1\noid",
            "is a Git LFS pointer; run `git lfs pull`",
        );
        check(
            "wall.gif",
            b"GIF89a",
            &format!(
                "holds gif data, which is not supported; convert it to {}",
                ContainerFormat::list(ContainerFormat::pictures(), "or")
            ),
        );
    }
}
