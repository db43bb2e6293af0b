"""Both parts of one split, with what crosses between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from finn_flows.cut import Cut, CutTensor, cut_tensor, normal_cut, split_network
from finn_flows.network import Network


@dataclass(frozen=True)
class CutParts:
    """``second(unpack(pack(first(x))))`` is ``whole(x)`` for every x.

    ``tensor`` is what crosses the link: shape of one image (channel last), type, packing, bytes.
    """

    whole: Network
    cut: Cut
    first: Network
    second: Network
    tensor: CutTensor

    @property
    def bytes_per_image(self) -> int:
        """Bytes over the link for one image."""
        return self.tensor.bytes_per_image

    def export(self, directory: str | Path, form: str = "onnx") -> list[Path]:
        """Write both parts (``onnx``, ``qonnx``, ``npz``) and their manifest; returns the paths."""
        from dse.export import export_split

        return export_split(self.whole, self.cut, form, Path(directory))


def cut_parts(network: Network, cut: Cut) -> CutParts:
    """Cut ``network``. CutError, with the legal layers, for a cut it does not have."""
    cut = normal_cut(network, cut)
    first, second = split_network(network, cut)
    return CutParts(network, cut, first, second, cut_tensor(network, cut))
