"""From the layers of a part to processes of finn-hlslib, streams and memories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dse.errors import InputError
from finn_flows.folding import LayerFolding, check_folding
from finn_flows.integer_type import IntegerType
from finn_flows.network import ComputeLayer, ConvLayer, MaxPoolLayer, Network
from finn_flows.wire_packing import WORD_BITS
from hls_templates.carried import check_carried, check_widths
from hls_templates.design import (
    KernelDesign,
    Memory,
    Process,
    Stream,
    Wire,
    meeting_width,
    piece_width,
)
from hls_templates.memories import accumulator_type, counts_matches, stored_thresholds

if TYPE_CHECKING:
    from finn_flows.backends.interface import Part

#: As BNN-PYNQ has it on most streams between layers (cnvW2A2/hw/top.cpp).
LAYER_DEPTH = 128
#: Products of weights of at most so many bits go into LUTs, as in BNN-PYNQ; others as HLS likes.
LUT_PRODUCT_BITS = 2

IMAGES = "numReps"


def kernel_name(part: Part) -> str:
    """The top function: ``split5_first``, ``split1_pool_after_second``, ``whole``."""
    if part.cut is None:
        return "whole"
    side = "_pool_after" if part.cut.pool == "after" else ""
    return f"split{part.cut.layer}{side}_{part.name.value}"


def kernel_design(part: Part) -> KernelDesign:
    """The kernel of ``part``.

    Raises NetworkError, naming the layer, for what finn-hlslib cannot carry, FoldingError for a
    folding that does not divide, InputError for a part without layers.
    """
    network = part.network
    if not network.layers:
        raise InputError(f"{part} has no layers: there is nothing to build")
    check_folding(part.whole, part.folding)
    check_carried(network)
    line = _Line(network)
    number = network.first_layer
    for position, layer in enumerate(network.layers):
        if isinstance(layer, MaxPoolLayer):
            line.pool(position, layer)
        else:
            fold = part.folding.layers[number - part.whole.first_layer]
            line.compute(position, layer, number, fold)
            number += 1
    design = line.finished(kernel_name(part))
    check_widths(design)
    return design


class _Line:
    """The processes so far, and the stream that the last of them writes."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.input = Wire(network.input_shape, network.input_type)
        self.output = Wire(network.output_shape, network.output_type)
        self.streams: list[Stream] = []
        self.processes: list[Process] = []
        self.memories: list[Memory] = []
        self.current = self._stream("input_words", WORD_BITS, self.input.words, LAYER_DEPTH)
        self._add(
            "Mem2Stream_Batch",
            (WORD_BITS, self.input.words * WORD_BITS // 8),
            ("in", self.current.name, IMAGES),
            self.input.words,
            comment="one image: " + _described(self.input),
        )

    def finished(self, name: str) -> KernelDesign:
        """With the words of the result on their way to memory."""
        if self.output.padding:
            piece = piece_width(self.current.bits)
            self._convert(piece, "output_pieces")
            padding = self.output.padding // piece
            self._step(
                "add_padding",
                (piece, self.current.words, padding),
                Stream("output_padded", piece, self.current.words + padding),
                self.current.words + padding,
                comment=f"{self.output.padding} zero bits complete the last word",
            )
        self._convert(WORD_BITS, "output_words", depth=LAYER_DEPTH)
        self._add(
            "Stream2Mem_Batch",
            (WORD_BITS, self.output.words * WORD_BITS // 8),
            (self.current.name, "out", IMAGES),
            self.output.words,
            comment="one image: " + _described(self.output),
        )
        return KernelDesign(
            name,
            self.input,
            self.output,
            tuple(self.streams),
            tuple(self.processes),
            tuple(self.memories),
        )

    def pool(self, position: int, layer: MaxPoolLayer) -> None:
        label = self.network.label(position)
        height, _, channels = self.network.shapes[position]
        kind = self.network.type_after(position)
        self._enter(channels * kind.bits, label)
        output = Stream(f"{label}_output", channels * kind.bits, (height // layer.kernel) ** 2)
        if kind.is_bipolar:  # the greatest of bits is their OR
            function, parameters = "pool_bits", (height, layer.kernel, channels)
            self._step(function, parameters, output, height * height, comment=label)
            return
        values = (height, layer.kernel, channels, cpp_type(kind), kind.minimum)
        self._step("pool_values", values, output, height * height, comment=label)

    def compute(self, position: int, layer: ComputeLayer, number: int, fold: LayerFolding) -> None:
        network = self.network
        label = network.label(position)
        kind = network.type_after(position)
        lane = fold.simd * kind.bits
        self._enter(lane, label)
        pixels = 1
        if isinstance(layer, ConvLayer):
            size, _, channels = network.shapes[position]
            rows = network.shapes[position + 1][0]
            pixels = rows * rows
            self._windows(label, layer, size, channels, rows, kind.bits, fold.simd)
        columns = layer.weights[0].size
        folds, lines = layer.output_channels // fold.pe, columns // fold.simd
        activation = self._memories(position, layer, number, fold, folds, folds * lines)
        matches = counts_matches(network, position)
        narrow = layer.weight_type.bits <= LUT_PRODUCT_BITS
        output = Stream(
            f"{label}_output",
            fold.pe * layer.output_type.bits,
            pixels * folds,
            min(LAYER_DEPTH, pixels * folds),
        )
        self._add(
            "Matrix_Vector_Activate_Batch",
            (
                columns,
                layer.output_channels,
                fold.simd,
                fold.pe,
                1,
                _read_as(kind, matches),
                _written_as(layer),
                "Recast<Binary>" if layer.weight_type.is_bipolar and not matches else "Identity",
            ),
            (
                self.current.name,
                output.name,
                f"weights{number}",
                activation,
                IMAGES if pixels == 1 else f"{IMAGES} * {pixels}",
                "ap_resource_lut()" if narrow else "ap_resource_dflt()",
            ),
            pixels * folds * lines,
            pixels,
            comment=f"{label}: {layer.output_channels} x {columns}, SIMD {fold.simd}, PE {fold.pe}",
        )
        self.streams.append(output)
        self.current = output

    def _windows(
        self,
        label: str,
        layer: ConvLayer,
        size: int,
        channels: int,
        rows: int,
        bits: int,
        simd: int,
    ) -> None:
        kernel, stride = layer.kernel[0], layer.stride[0]
        if kernel == 1:  # a window is a pixel (the stride divides the kernel, so it is 1 too)
            return
        words = rows * rows * kernel * kernel * channels // simd
        self._step(
            "ConvolutionInputGenerator",
            (kernel, channels, bits, size, rows, simd, stride),
            Stream(f"{label}_windows", simd * bits, words),
            size * kernel * channels // simd
            + rows * max(rows * kernel * kernel, stride * size) * channels // simd,
            last=" WINDOW_MEMORY",
            comment=f"{label}: windows of {kernel}x{kernel} pixels",
        )

    def _memories(
        self,
        position: int,
        layer: ComputeLayer,
        number: int,
        fold: LayerFolding,
        folds: int,
        lines: int,
    ) -> str:
        """Add them; the activation as an argument."""
        kind = layer.weight_type
        bits = fold.simd * kind.bits
        self.memories.append(
            Memory(
                number,
                2 * number,
                f"weights{number}",
                f"BinaryWeights<{fold.simd}, {fold.pe}, {lines}>"
                if kind.is_bipolar
                else f"FixedPointWeights<{fold.simd}, {cpp_type(kind)}, {fold.pe}, {lines}>",
                "m_weights",
                fold.pe,
                lines,
                -(-bits // WORD_BITS),
                bits,
                fold.weight_memory,
            )
        )
        if layer.thresholds is None:
            return f"PassThroughActivation<{cpp_type(layer.output_type)} >()"
        stored = stored_thresholds(self.network, position)
        accumulator = accumulator_type(self.network, position)
        output = layer.output_type
        start = 0 if output.is_bipolar else output.minimum
        self.memories.append(
            Memory(
                number,
                2 * number + 1,
                f"thresholds{number}",
                f"ThresholdsActivation<{folds}, {fold.pe}, {stored.shape[1]}, "
                f"{cpp_type(accumulator)}, {cpp_type(output)}, {start}>",
                "m_thresholds",
                fold.pe,
                folds,
                int(stored.shape[1]),
                accumulator.bits,
            )
        )
        return f"thresholds{number}"

    def _enter(self, bits: int, label: str) -> None:
        """Bring the words of the line to ``bits`` for layer ``label``, without the padding."""
        if len(self.processes) == 1 and self.input.padding:
            piece = piece_width(bits)
            self._convert(piece, "input_pieces")
            padding = self.input.padding // piece
            self._step(
                "drop_padding",
                (piece, self.current.words - padding, padding),
                Stream("input_values", piece, self.current.words - padding),
                self.current.words,
                comment=f"{self.input.padding} zero bits complete the last word",
            )
        self._convert(bits, f"{label}_input")

    def _convert(self, bits: int, name: str, depth: int = Stream.depth) -> None:
        between = meeting_width(self.current.bits, bits)
        if between is not None:
            self._convert(between, f"{name}_wide")
        if self.current.bits == bits:
            return
        before = self.current
        words = before.words * before.bits // bits
        self._step(
            "StreamingDataWidthConverter_Batch",
            (before.bits, bits, before.words),
            Stream(name, bits, words, depth),
            max(words, before.words),
        )

    def _step(
        self,
        function: str,
        parameters: tuple[int | str, ...],
        output: Stream,
        iterations: int,
        *,
        last: str = "",
        comment: str = "",
    ) -> None:
        """One process from the current stream to ``output``."""
        arguments = (self.current.name, output.name, IMAGES + last)
        self._add(function, parameters, arguments, iterations, comment=comment)
        self.streams.append(output)
        self.current = output

    def _add(
        self,
        function: str,
        parameters: tuple[int | str, ...],
        arguments: tuple[str, ...],
        iterations: int,
        repetitions: int = 1,
        comment: str = "",
    ) -> None:
        texts = tuple(str(parameter) for parameter in parameters)
        self.processes.append(Process(function, texts, arguments, iterations, repetitions, comment))

    def _stream(self, name: str, bits: int, words: int, depth: int) -> Stream:
        stream = Stream(name, bits, words, depth)
        self.streams.append(stream)
        return stream


def cpp_type(kind: IntegerType) -> str:
    """``ap_int<2>``, ``ap_uint<8>``; a bipolar value is a bit."""
    signed = kind.is_signed and not kind.is_bipolar
    return f"{'ap_int' if signed else 'ap_uint'}<{kind.bits}>"


def _read_as(kind: IntegerType, matches: bool) -> str:
    if kind.is_bipolar:
        return "Recast<XnorMul>" if matches else "Recast<Binary>"
    return f"Slice<{cpp_type(kind)} >"


def _written_as(layer: ComputeLayer) -> str:
    return f"Slice<{cpp_type(layer.output_type)} >"


def _described(wire: Wire) -> str:
    shape = " x ".join(str(size) for size in wire.shape)
    return f"{shape} values of {wire.type.bits} bits ({wire.type.name}), {wire.words} words"
