"""The files of a stage of the ``onnx`` engine."""

from __future__ import annotations

from importlib.metadata import version

from dse.deploy.stage_request import StageContents, StageRequest

MODEL = "part.onnx"


def onnx_contents(request: StageRequest) -> StageContents:
    """The part as standard ONNX. NetworkError for one that onnxruntime cannot compute exactly."""
    from finn_flows.standard_onnx import export_standard_onnx

    model = export_standard_onnx(request.part.network)
    return StageContents(
        {MODEL: model.SerializeToString(deterministic=True)},
        {"model": MODEL},
        {"onnx": version("onnx")},
    )
