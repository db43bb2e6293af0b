"""Readers of VCD and FST, just enough to compare what Verilator wrote with what is known.

FST as in GTKWave's documentation (fst.tex): blocks of a type byte and a length; integers are
big-endian or LEB128.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

#: Full name of a signal -> (time, value as a string of 0 and 1) at each change.
Waves = dict[str, list[tuple[int, str]]]

_HEADER, _GEOMETRY, _HIERARCHY_LZ4, _CHANGES = 0, 3, 6, 8
_SCOPE, _UPSCOPE, _ATTRIBUTE, _ATTRIBUTE_END = 254, 255, 252, 253


def read_vcd(path: Path) -> Waves:
    waves: Waves = {}
    names: dict[str, list[str]] = {}
    widths: dict[str, int] = {}
    scopes: list[str] = []
    time = 0
    lines = iter(path.read_text().splitlines())
    for line in lines:
        words = line.split()
        if not words:
            continue
        if words[0] == "$scope":
            scopes.append(words[2])
        elif words[0] == "$upscope":
            scopes.pop()
        elif words[0] == "$var":
            name = ".".join([*scopes, words[4]])
            names.setdefault(words[3], []).append(name)
            widths[words[3]] = int(words[2])
            waves[name] = []
        elif words[0][0] == "#":
            time = int(words[0][1:])
        elif words[0][0] in "01":
            for name in names[words[0][1:]]:
                waves[name].append((time, words[0][0]))
        elif words[0][0] == "b":
            for name in names[words[1]]:
                waves[name].append((time, words[0][1:].zfill(widths[words[1]])))
    return waves


def lz4_block(data: bytes) -> bytes:
    """Decompress one LZ4 block."""
    out = bytearray()
    at = 0

    def length(base: int) -> int:
        nonlocal at
        if base == 15:
            while True:
                at += 1
                base += data[at - 1]
                if data[at - 1] != 255:
                    break
        return base

    while at < len(data):
        token = data[at]
        at += 1
        literals = length(token >> 4)
        out += data[at : at + literals]
        at += literals
        if at == len(data):
            return bytes(out)
        offset = int.from_bytes(data[at : at + 2], "little")
        at += 2
        assert 0 < offset <= len(out)
        for _ in range(length(token & 15) + 4):
            out.append(out[-offset])
    raise AssertionError("a block ends with literals")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        self.at += count
        assert self.at <= len(self.data)
        return self.data[self.at - count : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def u64(self) -> int:
        return int(struct.unpack(">Q", self.take(8))[0])

    def leb(self, signed: bool = False) -> int:
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value - (1 << shift) if signed and byte & 64 else value

    def text(self) -> str:
        end = self.data.index(b"\0", self.at)
        return self.take(end + 1 - self.at)[:-1].decode()

    @property
    def more(self) -> bool:
        return self.at < len(self.data)


def _inflated(data: bytes, size: int) -> bytes:
    return data if len(data) == size else zlib.decompress(data)


def read_fst(path: Path) -> Waves:
    file = _Reader(path.read_bytes())
    blocks: dict[int, list[bytes]] = {}
    while file.more:
        kind = file.u8()
        blocks.setdefault(kind, []).append(file.take(file.u64() - 8))
    names = _hierarchy(blocks[_HIERARCHY_LZ4][0])
    geometry = _Reader(blocks[_GEOMETRY][0])
    size, count = geometry.u64(), geometry.u64()
    widths_reader = _Reader(_inflated(geometry.data[16:], size))
    widths = [widths_reader.leb() for _ in range(count)]
    by_handle: list[list[tuple[int, str]]] = [[] for _ in widths]
    for block in blocks[_CHANGES]:
        _changes(block, widths, by_handle)
    return {name: by_handle[handle] for name, handle in names.items()}


def _hierarchy(block: bytes) -> dict[str, int]:
    reader = _Reader(block)
    size = reader.u64()
    entries = _Reader(lz4_block(block[8:]))
    assert len(entries.data) == size
    names: dict[str, int] = {}
    scopes: list[str] = []
    handles = 0
    while entries.more:
        kind = entries.u8()
        if kind == _SCOPE:
            entries.u8()
            scopes.append(entries.text())
            entries.text()
        elif kind == _UPSCOPE:
            scopes.pop()
        elif kind == _ATTRIBUTE:
            entries.take(2)
            entries.text()
            entries.leb()
        elif kind != _ATTRIBUTE_END:
            entries.u8()
            name = entries.text().split(" ")[0]
            entries.leb()
            alias = entries.leb()
            handles += alias == 0
            names[".".join([*scopes, name])] = (alias or handles) - 1
    return names


def _changes(block: bytes, widths: list[int], found: list[list[tuple[int, str]]]) -> None:
    reader = _Reader(block)
    begin, _, _ = reader.u64(), reader.u64(), reader.u64()
    size, compressed, _ = reader.leb(), reader.leb(), reader.leb()
    first = _inflated(reader.take(compressed), size).decode()
    handles = reader.leb()
    assert reader.u8() == ord("4")
    waves_at = reader.at - 1  # offsets count from the byte of the packing
    tail = _Reader(block[-24:])
    time_size, time_compressed, time_count = tail.u64(), tail.u64(), tail.u64()
    time_end = len(block) - 24
    deltas = _Reader(_inflated(block[time_end - time_compressed : time_end], time_size))
    times, now = [], 0
    for _ in range(time_count):
        now += deltas.leb()
        times.append(now)
    positions_end = time_end - time_compressed - 8
    (positions_size,) = struct.unpack(">Q", block[positions_end : positions_end + 8])
    positions = _Reader(block[positions_end - positions_size : positions_end])
    offsets, aliases, offset, previous = {}, {}, 0, 0
    handle = 0
    while positions.more:
        value = positions.leb(signed=True)
        if value & 1:
            value >>= 1
            if value > 0:
                offset += value
                offsets[handle] = offset
            else:
                previous = value or previous
                aliases[handle] = -previous - 1
            handle += 1
        else:
            handle += value >> 1
    assert handle == handles == len(widths)
    ends = dict(zip(offsets, [*list(offsets.values())[1:], None], strict=True))
    at = 0
    for handle, width in enumerate(widths):
        found[handle].append((begin, first[at : at + width]))
        at += width
        owner = aliases.get(handle, handle)
        if owner not in offsets:
            continue
        end = ends[owner]
        stop = positions_end - positions_size if end is None else waves_at + end
        chunk = _Reader(block[waves_at + offsets[owner] : stop])
        unpacked = chunk.leb()
        rest = chunk.data[chunk.at :]
        data = _Reader(lz4_block(rest) if unpacked else rest)
        assert not unpacked or len(data.data) == unpacked
        index = 0
        while data.more:
            word = data.leb()
            if width == 1:
                assert not word & 1
                index += word >> 2
                value = str(word >> 1 & 1)
            else:
                assert not word & 1
                index += word >> 1
                packed = int.from_bytes(data.take((width + 7) // 8), "big")
                value = format(packed >> (-width % 8), f"0{width}b")
            found[handle].append((times[index], value))
