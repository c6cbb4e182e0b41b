#!/bin/sh
# zune-jpeg 0.5.15 decodes sound JPEG files to other pictures, without an error.
#
# One would expect that a baseline file whose components come in scans of their own decodes to the
# pixels of the same file in one scan, as it does with libjpeg-turbo. zune-jpeg gives other pixels
# if luma is sampled more densely down (4:2:0), or if the restart interval does not divide the
# blocks of a scan (even at 4:4:4); and in one scan if luma is coarser than chroma across. Both the
# decoder and `image`, which uses it, return Ok.
#
# It matters here because a picture of noise would be painted and delivered without a word. Impasto
# reads such files with another decoder: see worker/assets/src/jpeg.rs.
#
# Needs cargo, a network or a filled registry cache, and cjpeg and djpeg of libjpeg-turbo (Debian:
# libjpeg-turbo-progs). Ends with 0 if zune-jpeg behaves as described, with 1 if not.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# A smooth picture of 64 x 64 pixels: 64 blocks a component.
awk 'BEGIN {
    print "P3 64 64 255"
    for (y = 0; y < 64; y++) for (x = 0; x < 64; x++)
        printf "%d %d %d\n", 128 + 100 * sin(x / 9 + y / 17), 128 + 100 * cos(y / 8 - x / 21),
            128 + 100 * sin((x + y) / 13)
}' > picture.ppm
printf '0;\n1;\n2;\n' > apart.txt
cjpeg -quality 92 -sample 2x2 -outfile one-scan.jpg picture.ppm
cjpeg -quality 92 -sample 2x2 -scans apart.txt -outfile apart-420.jpg picture.ppm
cjpeg -quality 92 -sample 1x1 -scans apart.txt -outfile apart-444.jpg picture.ppm
cjpeg -quality 92 -sample 1x1 -scans apart.txt -restart 3B -outfile apart-restarts.jpg picture.ppm
cjpeg -quality 92 -sample 1x1,2x1,2x1 -outfile coarse-luma.jpg picture.ppm
for file in *.jpg; do
    djpeg -strict -pnm -outfile "${file%.jpg}.ppm" "$file"
done

mkdir -p look/src
cat > look/Cargo.toml <<'TOML'
[package]
name = "look"
version = "0.0.0"
edition = "2021"

[workspace]

[dependencies]
zune-jpeg = "=0.5.15"
image = { version = "=0.25.10", default-features = false, features = ["jpeg", "pnm"] }
TOML
cat > look/src/main.rs <<'RUST'
use zune_jpeg::zune_core::bytestream::ZCursor;

/// The largest difference of a file's pixels from djpeg's, by zune-jpeg itself and through image.
fn main() {
    for name in std::env::args().skip(1) {
        let bytes = std::fs::read(format!("{name}.jpg")).expect("the file");
        let truth = image::open(format!("{name}.ppm")).expect("djpeg's pixels").to_rgb8();
        let far = |pixels: &[u8]| {
            assert_eq!(pixels.len(), truth.as_raw().len());
            let pairs = pixels.iter().zip(truth.as_raw());
            pairs.map(|(a, b)| a.abs_diff(*b)).max().expect("pixels")
        };
        let zune = zune_jpeg::JpegDecoder::new(ZCursor::new(&bytes)).decode().expect("Ok");
        let image = image::load_from_memory(&bytes).expect("Ok").to_rgb8();
        println!("{name} {} {}", far(&zune), far(image.as_raw()));
    }
}
RUST
cargo build --quiet --manifest-path look/Cargo.toml
look/target/debug/look one-scan apart-444 apart-420 apart-restarts coarse-luma > found.txt

cjpeg -version 2>&1 | head -n 1
grep -A 1 -E '^name = "(image|zune-jpeg)"' look/Cargo.lock | grep -v '^--' | paste - -
echo "file, largest difference from djpeg by zune-jpeg and by image, in levels of 255:"
cat found.txt
awk '
    $1 == "one-scan" || $1 == "apart-444" { if ($2 > 6 || $3 > 6) changed = 1; next }
    { if ($2 < 100 || $3 < 100) changed = 1 }
    END { exit changed || NR != 5 }
' found.txt || { echo "zune-jpeg behaves differently from what was found"; exit 1; }
echo "as found: right in one scan and at 4:4:4 without restarts, garbage in the other three"
