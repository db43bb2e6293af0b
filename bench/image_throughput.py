"""Images per second: our standard ONNX in onnxruntime against qonnx' execute_onnx."""

from __future__ import annotations

import numpy as np

from bench.comparison import Comparison, compare
from dse.inference import load_engine
from finn_flows.digits import load_digits_split
from finn_flows.qonnx_export import export_qonnx
from finn_flows.weights import load_weights

OUR_IMAGES, QONNX_IMAGES = 200, 10


def image_throughput() -> Comparison:
    """CnvW2A2 on the digits, one image a call on both sides, one thread; logits must be equal."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    network = load_weights("digits").network
    pixels, _ = load_digits_split("test")
    images = network.encode_pixels(pixels[:OUR_IMAGES])
    engine = load_engine("onnx", network)
    model = ModelWrapper(export_qonnx(network)).transform(InferShapes())
    source, result = model.graph.input[0].name, model.graph.output[0].name
    shape = model.get_tensor_shape(source)

    def qonnx_logits(index: int) -> np.ndarray:
        picture = pixels[index].astype(np.float32) / 255
        if shape[-1] != picture.shape[-1]:
            picture = picture.transpose(2, 0, 1)
        return execute_onnx(model, {source: picture.reshape(shape)})[result]

    def run_qonnx() -> int:
        for index in range(QONNX_IMAGES):
            qonnx_logits(index)
        return QONNX_IMAGES

    def run_ours() -> int:
        for image in images:
            engine.run(image[None])
        return OUR_IMAGES

    for index in range(3):
        theirs = qonnx_logits(index).reshape(-1)
        mine = network.scores(engine.run(images[index : index + 1])).reshape(-1)
        if not np.allclose(theirs, mine):
            raise AssertionError(f"the two sides disagree on image {index}")
    return compare(
        "CnvW2A2, one image a call",
        "images/s",
        ("standard ONNX in onnxruntime, one thread", run_ours),
        ("qonnx execute_onnx on the QONNX export", run_qonnx),
    )
