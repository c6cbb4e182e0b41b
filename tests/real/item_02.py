"""TIFF: every sample comes back, the full page is painted, and a refusal says what a file holds."""

import numpy as np
import tifffile

WIDTH, HEIGHT = 21, 18

# The dtype, the photometric interpretation, and the extra samples.
KINDS = [
    ("u1", "rgb", ["unspecified"]),
    ("u1", "rgb", ["unassalpha"]),
    ("u2", "rgb", ["assocalpha"]),
    ("u1", "rgb", ["unspecified", "unspecified"]),
    ("u2", "rgb", ["unassalpha", "unspecified"]),
    ("f4", "rgb", ["unspecified"]),
    ("u1", "minisblack", ["unassalpha"]),
    ("u2", "minisblack", ["unspecified", "unspecified"]),
]
CODES = {"unspecified": 0, "assocalpha": 1, "unassalpha": 2}


def samples(count, dtype):
    random = np.random.default_rng(2)
    values = random.random((HEIGHT, WIDTH, count))
    return values.astype(dtype) if dtype == "f4" else (values * np.iinfo(dtype).max).astype(dtype)


def refused(t, text, array, **how):
    file = t.dir / "refused.tif"
    tifffile.imwrite(file, array, **how)
    result = t.impasto("stylize", str(file), "--style", str(t.style), "-o", str(t.dir / "no.tif"),
                       ok=2)
    t.check(text in result.stderr, result.stderr)


def run(t):
    for dtype, photometric, extra in KINDS:
        colors = 3 if photometric == "rgb" else 1
        array = samples(colors + len(extra), dtype)
        if extra[0] == "assocalpha":
            full = np.iinfo(dtype).max
            opacity = array[..., colors:colors + 1] / full
            array[..., :colors] = np.round(array[..., :colors] * opacity)
        file, out = t.dir / "in.tif", t.dir / "out.tif"
        out.unlink(missing_ok=True)
        tifffile.imwrite(file, array, photometric=photometric, extrasamples=extra)
        t.identity(file, out)
        result = tifffile.imread(out)
        row = f"{dtype} {photometric} {extra}"
        t.check(result.shape == array.shape, f"{row}: {result.shape}")
        t.check(np.array_equal(result[..., colors:], array[..., colors:]), f"{row}: extra samples")
        page = tifffile.TiffFile(out).pages[0]
        codes = [int(code) for code in page.extrasamples]
        t.check(codes == [CODES[kind] for kind in extra], f"{row}: {codes}")

    full = samples(3, "u1")
    for order in ("thumbnail first", "thumbnail last"):
        file, out = t.dir / "pages.tif", t.dir / "painted.tif"
        out.unlink(missing_ok=True)
        pages = [(full[::3, ::3], 1), (full, 0)]
        with tifffile.TiffWriter(file) as writer:
            for array, kind in pages if order == "thumbnail first" else pages[::-1]:
                writer.write(array, photometric="rgb", subfiletype=kind)
        t.identity(file, out)
        t.check(tifffile.imread(out).shape == full.shape, order)

    rgb = {"photometric": "rgb"}
    refused(t, "32-bit integer samples", full.astype("u4"), **rgb)
    refused(t, "32-bit signed integer samples", full.astype("i4"), **rgb)
    refused(t, "64-bit floating-point samples", full.astype("f8"), **rgb)
    refused(t, "CIE L*a*b*", full, photometric=8)
    refused(t, "zstd compression", full, compression="zstd", **rgb)
    refused(t, "LZMA compression", full, compression="lzma", **rgb)
    refused(t, "3 pages", np.stack([full] * 3), **rgb)

    palette = np.random.default_rng(3).integers(0, 65536, (3, 256)).astype("u2")
    file, out = t.dir / "palette.tif", t.dir / "true.tif"
    tifffile.imwrite(file, full[..., 0], photometric="palette", colormap=palette)
    t.identity(file, out)
    far = abs(tifffile.imread(out).astype(int)
              - (palette[:, full[..., 0]] >> 8).transpose(1, 2, 0)).max()
    t.check(far <= 1, f"a palette differs by {far} levels")

    inks = np.random.default_rng(4).integers(0, 40, (40, 40, 5)).astype("u1")
    refused(t, "CMYK that is multiplied by alpha", inks, photometric="separated",
            extrasamples=["assocalpha"])
