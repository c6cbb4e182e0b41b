"""PSD and PSB: the merged image, by hand and by psd-tools."""

import io
import struct
import zlib

import numpy as np
from PIL import Image
from psd_tools import PSDImage
from psd_tools.psd import PSD

from kinds import HEIGHT, WIDTH, Kind, Seen, noise, runs, smooth, unit
from kinds_png import XMP, profile

BITMAP, GRAY, INDEXED, RGB, CMYK = range(5)
COLORS = {BITMAP: 1, GRAY: 1, INDEXED: 1, RGB: 3, CMYK: 4}
WORDS = {"u1": "8 bits", "u2": "16 bits", "f4": "floats"}
PACKING = {0: "no compression", 1: "PackBits", 2: "ZIP", 3: "ZIP of differences"}
RESOLUTION, ICC, INDEX, XMP_ID = 1005, 1039, 1047, 1060
# Resources that have to come back: resolution, names of channels, caption, print flags, IPTC,
# guides, copyright, URL, profile, ids of channels, XMP, digest, the shape of pixels, paths.
KEPT = [RESOLUTION, 1006, 1008, 1011, 1028, 1032, 1034, 1035, ICC, 1045, 1053, XMP_ID, 1061, 1064,
        2000]


def measured(content, long=False):
    return struct.pack(">Q" if long else ">I", len(content)) + content


def resource(number, content, name=b""):
    head = b"8BIM" + struct.pack(">H", number) + bytes([len(name)]) + name
    return even(head) + even(measured(content))


def even(data):
    return data + bytes(len(data) % 2)


def pack_bits(row):
    """Runs of equal bytes, and others one by one."""
    out = b""
    for start, end in runs(np.frombuffer(row, "u1")[:, None]):
        for at in range(start, end, 128):
            count = min(128, end - at)
            out += bytes([257 - count if count > 1 else 0, row[at]])
    return out


def differences(row, dtype):
    """A row as the fourth packing stores it before Deflate."""
    if dtype == "u2":
        return np.diff(row, prepend=row.dtype.type(0)).astype(">u2").tobytes()
    data = row.astype(">" + dtype).view("u1").reshape(-1, np.dtype(dtype).itemsize).T.ravel()
    return np.diff(data, prepend=np.uint8(0)).tobytes()


def packed(rows, dtype, packing, large):
    """Rows of all planes: arrays of samples, or of bytes if they have a bit each."""
    stored = [row.astype(">" + dtype).tobytes() for row in rows]
    if packing == 1:
        stored = [pack_bits(row) for row in stored]
        lengths = np.array([len(row) for row in stored], ">u4" if large else ">u2")
        return lengths.tobytes() + b"".join(stored)
    if packing == 3:
        stored = [differences(row, dtype) for row in rows]
    data = b"".join(stored)
    return zlib.compress(data) if packing > 1 else data


def layers(count, bits, large, transparency):
    """A section of layers without pixels, named by their numbers."""
    record = b""
    for number in range(count):
        record += struct.pack(">4iH", 0, 0, 0, 0, 0) + b"8BIMnorm" + bytes([255, 0, 8, 0])
        record += measured(bytes(8) + b"\x03L%02d" % number)
    content = struct.pack(">h", -count if transparency else count) + record
    content += bytes(-len(content) % 4)
    if bits == 8:
        return measured(content, large) + bytes(4)
    block = b"8BIM" + {16: b"Lr16", 32: b"Lr32"}[bits] + measured(content, large)
    return bytes(8 if large else 4) + bytes(4) + block


def written(planes, mode, packing=1, large=False, resources=b"", layer_count=0, clear=False,
            palette=b""):
    """`planes` are arrays of rows of all channels; bits are packed."""
    dtype, width = planes[0].dtype.str[1:], planes[0].shape[1]
    bits = 8 * planes[0].dtype.itemsize
    if mode == BITMAP:
        planes, bits = [np.packbits(plane, axis=1) for plane in planes], 1
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1 + large, len(planes), planes[0].shape[0], width,
                                 bits, mode)
    section = layers(layer_count, bits, large, clear) if layer_count else b""
    rows = [row for plane in planes for row in plane]
    return head + measured(palette) + measured(resources) + measured(section, large) + (
        struct.pack(">H", packing) + packed(rows, dtype, packing, large))


def all_layers(document):
    """The list of layers, which has a block of its own where samples have more than 8 bits."""
    section = document.layer_and_mask_information
    blocks = section.tagged_blocks or {}
    lists = [section.layer_info, *(block.data for block in blocks.values()
                                   if block.key in (b"Lr16", b"Lr32"))]
    return [one for one in lists if one and one.layer_count]


def density(resources):
    if RESOLUTION not in resources:
        return None
    across, down = struct.unpack_from(">I4xI", resources[RESOLUTION])
    return across / 65536, down / 65536


def read(data):
    document = PSD.read(io.BytesIO(data))
    header, mode = document.header, int(document.header.color_mode)
    dtype = {1: "u1", 8: "u1", 16: ">u2", 32: ">f4"}[header.depth]
    planes = [np.frombuffer(plane, dtype) for plane in document.image_data.get_data(header)]
    resources = {int(number): one.data if isinstance(one.data, bytes) else one.data.tobytes()
                 for number, one in document.image_resources.items()}
    if mode == BITMAP:
        rows = np.unpackbits(planes[0].reshape(header.height, -1), axis=1)[:, :header.width]
        planes = [255 * (1 - rows)]
    planes = [plane.reshape(header.height, header.width) for plane in planes]
    planes = [plane.astype(plane.dtype.newbyteorder("=")) for plane in planes]
    found = all_layers(document)
    clear = any(one.layer_count < 0 for one in found)
    colors, more = planes[:COLORS[mode]], planes[COLORS[mode]:]
    if mode == INDEXED:
        palette = np.frombuffer(document.color_mode_data.value, "u1").reshape(3, 256)
        if INDEX in resources:
            clear, index = True, struct.unpack(">H", resources[INDEX])[0]
            more = [np.where(colors[0] == index, 0, 255).astype("u1"), *more]
        colors = [np.where(more[0] == 0, 255, part[colors[0]]) if clear else part[colors[0]]
                  for part in palette]
    if mode == CMYK:
        top = float(np.iinfo(colors[0].dtype).max)
        colors = [np.round(ink * (colors[3] / top)).astype(ink.dtype) for ink in colors[:3]]
    count = sum(abs(one.layer_count) for one in found)
    return Seen([np.stack([*colors, *more], -1)], {
        "colours": "grey" if mode in (BITMAP, GRAY) else "RGB",
        "palette": mode == INDEXED, "inks": mode == CMYK, "bits": header.depth,
        "transparency": clear, "version": header.version,
        # One is the picture.
        "layers": count if count > 1 else 0,
        "ICC profile": resources.get(ICC), "density": density(resources),
        "resources": [(number, resources[number]) for number in KEPT if number in resources],
    }, {"packing": "with " + PACKING[int(document.image_data.compression)]},
        layer=only_layer(data) if count == 1 else None)


def only_layer(data):
    """The pixels of the only layer, if it has any, as psd-tools shows and reads them."""
    document = PSDImage.open(io.BytesIO(data))
    layer = document[0]
    if not layer.has_pixels():
        return None
    pixels = layer.numpy()
    if document.depth == 8:
        shown = np.asarray(layer.topil())
        if not np.array_equal(shown, np.round(pixels * 255)):
            raise ValueError("the layer that is shown differs from the one that is read")
    return pixels


def right_layer(is_blended):
    """Judges the written layer: its alpha is the merged image's, and so are its colours, with white
    if there is some in the merged ones."""
    def judge(_, after):
        merged, layer = after.samples[0], after.layer
        if layer is None:
            return "there is no layer with pixels"
        colors = layer.shape[-1]
        if layer.shape[:2] != merged.shape[:2] or colors > merged.shape[-1]:
            return f"a layer of {layer.shape} in {merged.shape}"
        is_float = merged.dtype.kind == "f"
        top = 1.0 if is_float else float(np.iinfo(merged.dtype).max)
        merged, alpha = merged[..., :colors] / top, layer[..., -1:]
        wanted = layer.copy()
        if is_blended:
            wanted[..., :-1] = layer[..., :-1] * alpha + 1 - alpha
        off = np.abs(wanted - merged)
        # Both have been rounded.
        bound = 1e-5 if is_float else 1.01 / top
        if off[..., -1].max() > (0 if is_float else 0.1 / top):
            return "the layer's alpha differs from the merged one"
        if off.max() > bound:
            return f"the layer is off by {off.max() * top:.2f} samples"
        return None
    return judge


def blended(planes):
    """Colours and alpha, which is the last one: colours with white in them."""
    *colors, alpha = planes
    if alpha.dtype.kind == "f":
        return [*(color * alpha + (1 - alpha) for color in colors), alpha]
    top = float(np.iinfo(alpha.dtype).max)
    part = alpha / top
    mixed = (np.round(color * part + top * (1 - part)) for color in colors)
    return [*(color.astype(alpha.dtype) for color in mixed), alpha]


def planes_of(samples):
    return [np.ascontiguousarray(plane) for plane in np.moveaxis(samples, -1, 0)]


def by_psd_tools(samples):
    """A document that psd-tools makes, with two layers of one picture."""
    image, out = Image.fromarray(samples), io.BytesIO()
    document = PSDImage.new("RGB", image.size)
    for name in ("below", "above"):
        document.create_pixel_layer(image, name=name, top=0, left=0)
    document.save(out)
    return out.getvalue()


def kinds():
    def kind(pixels, option, data, bound=None, extension="psd", also=None):
        return Kind("PSD and PSB", extension, pixels, option, data, read, "psd-tools", bound, also)

    white_layer, plain_layer = right_layer(True), right_layer(False)

    for dtype, word in WORDS.items():
        light = "one part in 100,000" if dtype == "f4" else None
        for name, mode, colors in [("grey", GRAY, 1), ("RGB", RGB, 3)]:
            pixels = f"{name}, {word}"
            planes = planes_of(noise(colors, dtype, 30 + colors))
            clear = planes_of(noise(colors + 1, dtype, 33 + colors))
            if dtype == "f4":
                planes = [4 * plane for plane in planes]
                clear = planes_of(unit(colors + 1, 33 + colors).astype(dtype))
            for packing, name in PACKING.items():
                yield kind(pixels, name, written(planes, mode, packing), light)
            odd = [plane[:HEIGHT - 3, :WIDTH - 5] for plane in planes]
            yield kind(pixels, "odd sides", written(odd, mode), light)
            yield kind(pixels, "PSB", written(planes, mode, large=True), light, "psb")
            yield kind(pixels, "two saved channels",
                       written([*planes, clear[0], clear[-1]], mode), light)
            how = {"layer_count": 1, "clear": True}
            white = blended([*clear[:colors], clear[-1]])
            yield kind(pixels, "transparency", written(white, mode, **how), light,
                       also=white_layer)
            yield kind(pixels, "transparency and a saved channel",
                       written([*white, clear[0]], mode, **how), light, also=white_layer)
            yield kind(pixels, "transparency, PSB",
                       written(white, mode, large=True, **how), light, "psb", white_layer)
            yield kind(pixels, "three layers", written(planes, mode, layer_count=3), light)
            yield kind(pixels, "three layers, transparency, PSB", written(
                white, mode, large=True, layer_count=3, clear=True), light, "psb", white_layer)
    straight = planes_of(noise(4, seed=40))
    yield kind("RGB, 8 bits", "transparency, colours without white",
               written(straight, RGB, layer_count=1, clear=True), also=plain_layer)

    one_bit = noise(1, seed=41)[..., 0] & 1
    for packing in (0, 1):
        yield kind("bitmap", PACKING[packing], written([one_bit], BITMAP, packing))
    index, palette = noise(1, seed=42)[..., 0], noise(3, seed=43).reshape(-1)[:768].tobytes()
    yield kind("palette, 8 bits", "plain", written([index], INDEXED, palette=palette))
    yield kind("palette, 8 bits", "a transparent index", written(
        [index], INDEXED, palette=palette, resources=resource(INDEX, struct.pack(">H", 7))))
    inks = planes_of(smooth(4))
    yield kind("CMYK, 8 bits", "plain", written(inks, CMYK))
    inks = [ink.astype("u2") * 257 for ink in inks]
    # Products of two inks lie between levels.
    yield kind("CMYK, 16 bits", "plain", written(inks, CMYK), 100)

    rgb = noise(3, seed=44)
    yield kind("RGB, 8 bits", "two layers by psd-tools", by_psd_tools(rgb))
    for option, resources in [
        ("resolution", resource(RESOLUTION, struct.pack(">IHHIHH", 300 << 16, 2, 2, 150 << 16,
                                                        1, 1))),
        ("ICC profile", resource(ICC, profile())),
        ("XMP, IPTC, caption, copyright and URL", b"".join([
            resource(1008, b"\x05Title"), resource(1028, b"\x1c\x02\x50\0\x08Somebody"),
            resource(1034, b"\1"), resource(1035, b"https://example.org"),
            resource(XMP_ID, XMP), resource(1061, bytes(range(16)))])),
        ("paths, guides and the shape of pixels", b"".join([
            resource(1032, struct.pack(">5IIB", 1, 576, 576, 1, 320, 0, 0)[:21]),
            resource(1064, struct.pack(">Id", 1, 2.0)),
            resource(2000, bytes(26), b"Path 1")])),
    ]:
        for dtype, scale in [("u1", 1), ("u2", 257)]:
            planes = planes_of(rgb.astype(dtype) * np.dtype(dtype).type(scale))
            yield kind(f"RGB, {WORDS[dtype]}", option, written(planes, RGB, resources=resources))
    names = resource(1006, b"\5Alpha") + resource(1053, struct.pack(">I", 9))
    yield kind("RGB, 8 bits", "names of saved channels",
               written([*planes_of(rgb), index], RGB, resources=names))
