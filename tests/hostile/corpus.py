"""Malicious files, and valid but unusual ones."""

import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image, ImageCms, ImageDraw

from app import formats
from tests.conftest import encode

FORMATS = tuple(str(each.decoder.format) for each in formats.FORMATS)


def drawing(mode: str = "L", size: tuple[int, int] = (28, 28)) -> Image.Image:
    """Draw a seven."""
    image = Image.new("L", size)
    width, height = size
    corners = [(width * x // 100, height * y // 100) for x, y in ((25, 20), (75, 20), (45, 85))]
    ImageDraw.Draw(image).line(corners, 255, max(1, min(size) // 10))
    return image.convert(mode)


def chunk(name: bytes, data: bytes) -> bytes:
    """Make a PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, pixels: bytes, depth: int = 8, color: int = 0, extra: bytes = b"", interlace: int = 0
) -> bytes:
    """Make a PNG with any header."""
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def patched(data: bytes, at: int, new: bytes) -> bytes:
    """Replace bytes of a file."""
    return data[:at] + new + data[at + len(new) :]


def bombs() -> Iterator[tuple[str, bytes]]:
    """Make small files that decode to large images."""
    rows = b"\0" * (28 * 29)
    gif, bmp, jpeg = (encode(drawing("P"), "GIF"), encode(drawing(), "BMP"), encode(drawing(), "JPEG"))
    webp = encode(Image.new("RGBA", (28, 28), (0, 0, 0, 9)), "WEBP", save_all=True, append_images=[drawing("RGBA")])
    progressive = encode(drawing("RGB", (64, 64)), "JPEG", progressive=True)
    scan = progressive.rindex(b"\xff\xda")
    yield "png of 50,000 x 50,000", png(50_000, 50_000, bytes(10_000_000))
    yield "png of 2 billion pixels a side", png(2**31 - 1, 2**31 - 1, b"")
    yield "png with far too many rows", png(28, 28, bytes(50_000_000))
    for name, kind in (("text", b"zTXt"), ("profile", b"iCCP")):
        extra = chunk(kind, b"a\0\0" + zlib.compress(bytes(50_000_000)))
        yield f"png with a {name} of 50 MB", png(28, 28, rows, extra=extra)
    yield "png of 100,000 chunks", png(28, 28, rows, extra=chunk(b"tEXt", b"a\0b") * 100_000)
    yield "gif with a screen of 65,535 x 65,535", patched(gif, 6, b"\xff" * 4)
    yield "gif with a frame of 65,535 x 65,535", patched(gif, gif.index(b"\x2c", 13) + 5, b"\xff" * 4)
    yield "webp with a canvas of 16,777,216 x 16,777,216", patched(webp, webp.index(b"VP8X") + 12, b"\xff" * 6)
    yield "webp of 16,383 x 3,000 in a few bytes", encode(Image.new("L", (16_383, 3_000)), "WEBP", method=0)
    yield "bmp of 2 billion rows", patched(bmp, 18, struct.pack("<ii", 2**31 - 1, 2**31 - 1))
    yield "bmp of minus 2 billion rows", patched(bmp, 18, struct.pack("<ii", 2**31 - 1, -(2**31)))
    yield "jpeg of 65,535 x 65,535", patched(jpeg, jpeg.index(b"\xff\xc0") + 5, b"\xff" * 4)
    yield "jpeg of 2,000 scans", progressive[:scan] + progressive[scan:-2] * 2_000 + b"\xff\xd9"


def contradictory() -> Iterator[tuple[str, bytes]]:
    """Make files with contradictory headers."""
    rows = b"\0" * (28 * 29)
    yield "png with too few rows", png(28, 28, rows[:100])
    yield "png of no pixels", png(0, 0, b"")
    yield "png with a depth of 7", png(28, 28, rows, depth=7)
    yield "png without its palette", png(28, 28, rows, color=3)
    yield "png with a wrong checksum", png(28, 28, rows)[:-20] + b"\0" * 20
    for signature in (b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\xff\xff\xff\xffWEBP", b"\xff\xd8\xff"):
        yield f"{signature!r} and nothing more", signature
    yield "bmp whose pixels lie beyond its end", patched(encode(drawing(), "BMP"), 10, b"\xff\xff\xff\x7f")
    yield "bmp with invalid run-length encoding", patched(encode(drawing(), "BMP"), 30, b"\x01")


def odd() -> Iterator[tuple[str, bytes]]:
    """Make rare valid files, and files that are not images."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield f"png in mode {mode}", encode(drawing(mode))
    yield "png of 16 bits", encode(drawing("I").convert("I;16"))
    for mode in ("CMYK", "YCbCr", "L"):
        yield f"jpeg in mode {mode}", encode(drawing("RGB").convert(mode), "JPEG")
    passes = [(4, 4), (3, 4), (7, 3), (7, 7), (14, 7), (14, 14), (28, 14)]  # of Adam7
    rows = b"".join((b"\0" + b"\xff" * width) * height for width, height in passes)
    yield "png, interlaced", png(28, 28, rows, interlace=1)
    yield "png with a profile", encode(drawing("RGB"), icc_profile=profile)
    yield "jpeg with a broken profile", encode(drawing("RGB"), "JPEG", icc_profile=b"\xff" * 60_000)
    frames = [drawing("RGB"), Image.new("RGB", (28, 28))] * 20
    for kind in ("PNG", "GIF", "WEBP"):
        yield f"{kind} of 40 frames", encode(frames[0], kind, save_all=True, append_images=frames[1:])
    for size in ((1, 1), (1, 28), (28, 1), (1, 5000), (5000, 1), (27, 28), (2, 2)):
        for kind in FORMATS:
            yield f"{kind} of {size[0]} x {size[1]}", encode(drawing("L", size), kind)
    yield "png and a zip", encode(drawing()) + b"PK\x03\x04" + bytes(100) + b"PK\x05\x06" + bytes(18)
    yield "gif that is JavaScript", b"GIF89a/*" + encode(drawing("P"), "GIF")[8:] + b"*/=alert(1)//"
    yield "a tiff", encode(drawing(), "TIFF")
    yield "zeros", bytes(1000)


def damaged(seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Damage files of each format: truncate, flip bits, remove and repeat parts."""
    rng = random.Random(seed)  # not for cryptography
    for kind in FORMATS:
        for size in ((28, 28), (200, 120)):
            good = encode(drawing("RGB", size), kind)
            name = f"{kind} of {size[0]} x {size[1]}"
            for share in range(1, 10):
                yield f"{name}, cut off after {share} tenths", good[: len(good) * share // 10]
            for number in range(12):
                bad = bytearray(good)
                for _ in range(1 + number):
                    bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
                yield f"{name}, {number + 1} bits flipped", bytes(bad)
            for number in range(4):
                start, end = sorted(rng.randrange(len(good)) for _ in range(2))
                yield f"{name}, a part left out, {number}", good[:start] + good[end:]
                yield f"{name}, a part doubled, {number}", good[:end] + good[start:]


def corpus() -> dict[str, bytes]:
    """Make all files, by name."""
    return {name: data for part in (bombs, contradictory, odd, damaged) for name, data in part()}
