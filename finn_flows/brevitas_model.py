"""Between the canonical network and the BNN-PYNQ models of Brevitas' examples."""

from __future__ import annotations

import ast
from configparser import ConfigParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError, NetworkFileError
from finn_flows.batch_norm import batch_norm_of
from finn_flows.integer_type import IntegerType
from finn_flows.network import ConvLayer, DenseLayer, MaxPoolLayer, Network

if TYPE_CHECKING:
    import torch

#: The models of ``brevitas_examples.bnn_pynq`` that are chains.
ARCHITECTURES = (
    "cnv_1w1a",
    "cnv_1w2a",
    "cnv_2w2a",
    "lfc_1w1a",
    "lfc_1w2a",
    "sfc_1w1a",
    "sfc_1w2a",
    "sfc_2w2a",
    "tfc_1w1a",
    "tfc_1w2a",
    "tfc_2w2a",
)
_PICTURE_SIZE = {"CNV": 32, "FC": 28}


def network_to_brevitas(
    network: Network,
) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    """The Brevitas model that computes ``network``, in evaluation mode, and its state dict.

    The integers become weights and the thresholds batch normalisations; the model's result is the
    last accumulators, scaled as ``class_scores`` says. Raises NetworkError naming what differs if
    the network is none of CNV (32x32 pictures) or FC (28x28), with 1- or 2-bit weights and
    activations and a scale common to all classes.
    """
    import torch
    from brevitas.nn import QuantConv2d, QuantLinear
    from brevitas_examples.bnn_pynq.models.tensor_norm import TensorNorm

    compute = [layer for _, layer in network.numbered()]
    weight_bits, act_bits = compute[0].weight_type.bits, compute[0].output_type.bits
    for _, layer in network.numbered():
        hidden = layer is not compute[-1]
        if layer.weight_type != IntegerType.signed(weight_bits, narrow=True) or (
            hidden and layer.output_type != IntegerType.signed(act_bits, narrow=True)
        ):
            raise _unlike(
                network, f"weights {layer.weight_type.name}, activations {layer.output_type.name}"
            )
    model, accumulator_unit = _model_like(network, weight_bits, act_bits)
    if compute[-1].thresholds is not None:
        raise _unlike(network, "thresholds behind the last layer")
    modules = list(model.modules())
    layers = [module for module in modules if isinstance(module, QuantConv2d | QuantLinear)]
    norms = [m for m in modules if isinstance(m, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d)]
    shapes = [
        network.shapes[position]
        for position, layer in enumerate(network.layers)
        if not isinstance(layer, MaxPoolLayer)
    ]
    for module, layer, shape in zip(layers, compute, shapes, strict=True):
        weights = layer.weights
        if isinstance(layer, ConvLayer):
            weights = weights.transpose(0, 3, 1, 2)
        elif len(shape) == 3:
            weights = weights.reshape(-1, *shape).transpose(0, 3, 1, 2).reshape(len(weights), -1)
        _set(module.weight, weights)
    for index, (norm, layer) in enumerate(zip(norms, compute[:-1], strict=True)):
        assert layer.thresholds is not None
        carried = batch_norm_of(layer.thresholds, layer.output_type)
        unit = accumulator_unit if index == 0 else 1.0
        _set(norm.weight, carried.gamma / unit)
        _set(norm.bias, carried.beta)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        _set(norm.running_mean, carried.mean * unit)
        _set(norm.running_var, 1 - norm.eps)
    scale, offset = _common_scores(network)
    (last,) = (module for module in modules if isinstance(module, TensorNorm))
    _set(last.weight, scale)
    _set(last.bias, offset)
    _set(last.running_mean, 0.0)
    _set(last.running_var, 1 - last.eps)
    model.eval()
    return model, model.state_dict()


def load_brevitas_checkpoint(path: Path, architecture: str | None = None) -> Network:
    """The network in a checkpoint that Brevitas' BNN-PYNQ training wrote (``.pth`` or ``.tar``).

    ``architecture``: one of :data:`ARCHITECTURES`; without it the checkpoint's ``arch`` entry
    decides, then the file's name if it begins with one (``cnv_2w2a-0702987f.pth``), then the shapes
    in the file. The bit widths are not in the file: where several architectures have its shapes,
    NetworkFileError lists them. Raises it, too, for a file that is damaged, no checkpoint, or does
    not fit.
    """
    path = Path(path)
    state, said = _read_checkpoint(path)
    if architecture is not None and architecture.lower() not in ARCHITECTURES:
        raise NetworkError(f"unknown architecture {architecture!r}", choices=ARCHITECTURES)
    stem = path.name.lower()
    named = [name for name in ARCHITECTURES if stem.startswith(name)]
    if architecture is not None:
        chosen = architecture.lower()
    elif said is not None and said.lower() in ARCHITECTURES:
        chosen = said.lower()
    elif named:
        chosen = named[0]
    else:
        chosen = _only_fitting(path, state)
    return _network_of(path, state, chosen)


def save_brevitas_checkpoint(network: Network, path: Path) -> None:
    """Write ``network`` as a checkpoint (``arch`` and ``state_dict``) that Brevitas' models load.

    Raises NetworkError if it is none of :data:`ARCHITECTURES`, OutputError if ``path`` cannot be
    written.
    """
    import io

    import torch

    from dse.atomic_write import atomic_write

    _, state = network_to_brevitas(network)
    first = next(layer for _, layer in network.numbered())
    bits = f"{first.weight_type.bits}w{first.output_type.bits}a"
    fitting = [name for name in ARCHITECTURES if name.endswith(bits) and not _misfit(state, name)]
    if not fitting:
        raise _unlike(
            network, f"the sizes {[layer.output_channels for _, layer in network.numbered()]}"
        )
    buffer = io.BytesIO()
    torch.save({"arch": fitting[0], "state_dict": state}, buffer)
    atomic_write(Path(path), buffer.getvalue())


def _read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], str | None]:
    import torch

    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise NetworkFileError(f"cannot read: {error.strerror or error}", where=path) from error
    except Exception as error:
        # Damaged pickles and archives raise nearly anything.
        raise NetworkFileError(
            f"not a PyTorch checkpoint ({type(error).__name__})",
            where=path,
            expected="a .pth file of tensors",
        ) from error
    said = None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        said = content.get("arch")
        content = content["state_dict"]
    if (
        not isinstance(content, dict)
        or not content
        or not all(isinstance(value, torch.Tensor) for value in content.values())
    ):
        raise NetworkFileError("holds no state dict", where=path)
    state = {str(name).removeprefix("module."): value for name, value in content.items()}
    return state, said if isinstance(said, str) else None


def _only_fitting(path: Path, state: dict[str, torch.Tensor]) -> str:
    fitting = [name for name in ARCHITECTURES if _misfit(state, name) is None]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise NetworkFileError(
            "fits no architecture",
            where=path,
            expected="the state dict of a BNN-PYNQ model of Brevitas",
            choices=ARCHITECTURES,
        )
    raise NetworkFileError(
        f"has the shapes of {len(fitting)} architectures that differ in bit widths",
        where=path,
        expected=f"brevitas:ARCHITECTURE:{path}",
        choices=fitting,
    )


def _misfit(state: dict[str, torch.Tensor], architecture: str) -> str | None:
    """The first entry in which the state dict and the architecture differ, in words."""
    wanted = {
        name: tuple(value.shape) for name, value in _build(architecture, state).state_dict().items()
    }
    # Old checkpoints do not count batches; nothing reads the count.
    optional = {name for name in wanted if name.endswith("num_batches_tracked")}
    found = {name: tuple(value.shape) for name, value in state.items()}
    for name in sorted(wanted.keys() - optional - found.keys()):
        return f"{name} is missing"
    for name in sorted(found.keys() - wanted.keys()):
        return f"{name} is not part of it"
    for name in wanted:
        if name in found and found[name] != wanted[name]:
            return f"{name} has shape {found[name]}, not {wanted[name]}"
    return None


def _build(architecture: str, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    """The model, with as many classes and input channels as the state dict has."""
    from brevitas_examples.bnn_pynq.models import get_model_cfg

    settings = get_model_cfg(architecture)
    matrices = [value for value in state.values() if value.ndim == 2]
    if matrices:
        settings.set("MODEL", "NUM_CLASSES", str(matrices[-1].shape[0]))
    images = [value for value in state.values() if value.ndim == 4]
    if images and settings.get("MODEL", "ARCH") == "CNV":
        settings.set("MODEL", "IN_CHANNELS", str(images[0].shape[1]))
    return _model_with(settings)


def _model_with(settings: ConfigParser) -> torch.nn.Module:
    import torch
    from brevitas_examples.bnn_pynq.models import model_impl

    from finn_flows.brevitas_export import quiet

    # The models draw random weights; whoever calls keeps their own random numbers.
    with quiet(), torch.random.fork_rng():
        model: torch.nn.Module = model_impl[settings.get("MODEL", "ARCH")](settings)
    return model


def _network_of(path: Path, state: dict[str, torch.Tensor], architecture: str) -> Network:
    from finn_flows.brevitas_export import brevitas_to_qonnx
    from finn_flows.qonnx_import import import_qonnx

    misfit = _misfit(state, architecture)
    if misfit is not None:
        raise NetworkFileError(
            f"does not fit {architecture}: {misfit}", where=path, choices=ARCHITECTURES
        )
    for name, value in state.items():
        if not bool(value.isfinite().all()):
            raise NetworkFileError(f"{name} holds values that are not finite", where=path)
        if name.endswith("running_var") and bool((value < 0).any()):
            raise NetworkFileError(f"{name} holds negative variances", where=path)
    model = _build(architecture, state)
    model.load_state_dict(state, strict=False)
    convolutional = architecture.startswith("cnv")
    channels = state["conv_features.1.weight"].shape[1] if convolutional else 1
    size = _PICTURE_SIZE["CNV" if convolutional else "FC"]
    exported = brevitas_to_qonnx(model, (1, channels, size, size))
    return import_qonnx(exported, architecture)


def _model_like(network: Network, weight_bits: int, act_bits: int) -> tuple[torch.nn.Module, float]:
    """An untrained model with the layers of ``network``; what one step of its input is worth."""
    from brevitas_examples.bnn_pynq.models import get_model_cfg
    from brevitas_examples.bnn_pynq.models.CNV import CNV_OUT_CH_POOL, INTERMEDIATE_FC_FEATURES

    if weight_bits > 2 or act_bits > 2:
        raise _unlike(network, f"{weight_bits}-bit weights, {act_bits}-bit activations")
    layers = [_outline(layer) for layer in network.layers]
    classes = network.output_shape[-1]
    cnv: list[object] = []
    for channels, pooled in CNV_OUT_CH_POOL:
        cnv += [("conv", channels)] + [("pool", 2)] * pooled
    cnv += [("dense", features) for _, features in INTERMEDIATE_FC_FEATURES] + [("dense", classes)]
    if layers == cnv and network.input_shape[:2] == (32, 32):
        settings = get_model_cfg("cnv_2w2a")
        settings.set("MODEL", "IN_CHANNELS", str(network.input_shape[2]))
        input_bits, least, unit = 8, -128, 1 / 128
    elif (
        layers
        and all(isinstance(layer, DenseLayer) for layer in network.layers)
        and network.input_shape in ((28, 28, 1), (784,))
    ):
        settings = get_model_cfg("tfc_1w1a")
        features = [layer.output_channels for _, layer in network.numbered()][:-1]
        settings.set("MODEL", "OUT_FEATURES", repr(features))
        assert ast.literal_eval(settings.get("MODEL", "OUT_FEATURES")) == features
        input_bits = network.input_type.bits
        least = -(2 ** (input_bits - 1)) + 1
        unit = 1.0 if input_bits == 1 else 1 / (2 ** (input_bits - 1) - 1)
    else:
        raise _unlike(network, f"layers {layers} on {network.input_shape}")
    _check_pixels(network, input_bits, least, unit)
    for key, value in (
        ("WEIGHT_BIT_WIDTH", weight_bits),
        ("ACT_BIT_WIDTH", act_bits),
        ("IN_BIT_WIDTH", input_bits),
    ):
        settings.set("QUANT", key, str(value))
    settings.set("MODEL", "NUM_CLASSES", str(classes))
    return _model_with(settings), unit


def _outline(layer: ConvLayer | DenseLayer | MaxPoolLayer) -> tuple[object, ...]:
    """A layer as CNV knows it, or something CNV has not."""
    if isinstance(layer, MaxPoolLayer):
        return ("pool", layer.kernel, *([layer.stride] * (layer.stride != layer.kernel)))
    if isinstance(layer, DenseLayer):
        return ("dense", layer.output_channels)
    plain = (layer.kernel, layer.stride, layer.padding, layer.groups) == ((3, 3), (1, 1), (0, 0), 1)
    return ("conv" if plain else "other conv", layer.output_channels)


def _check_pixels(network: Network, bits: int, least: int, unit: float) -> None:
    """Brevitas' models see 2 * pixel / 255 - 1 through a quantiser of ``bits`` bits."""
    picture = np.float32(2) * (np.arange(256, dtype=np.float32) / np.float32(255)) - np.float32(1)
    if bits == 1:
        seen = np.where(picture >= 0, 1, -1)
    else:
        seen = np.rint(np.clip(picture / np.float32(unit), least, 2 ** (bits - 1) - 1))
    if network.pixel_table is None or (network.pixel_table != seen).any():
        raise _unlike(network, "pictures that enter by another pixel table")


def _common_scores(network: Network) -> tuple[float, float]:
    if network.class_scores is None:
        return 1.0, 0.0
    scale, offset = network.class_scores.scale, network.class_scores.offset
    if (scale != scale[0]).any() or (offset != offset[0]).any():
        raise _unlike(network, "class scores scaled class by class")
    return float(scale[0]), float(offset[0])


def _unlike(network: Network, difference: str) -> NetworkError:
    return NetworkError(
        f"{network.name} is not one of Brevitas' BNN-PYNQ models: it has {difference}",
        choices=ARCHITECTURES,
    )


def _set(tensor: torch.Tensor, values: NDArray[Any] | float) -> None:
    import torch

    with torch.no_grad():
        if isinstance(values, float):
            tensor.fill_(values)
        else:
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)))
