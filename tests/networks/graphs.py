"""The published graphs for onnxruntime: as they are, and with quantisation taken out."""

import numpy
import onnx
from onnx import numpy_helper


def without_quantisation(path, output):
    """Writes the same graph in f32: stored weights become numbers, and nodes that quantise values
    between layers go. Pictures may have any size then."""
    model = onnx.load(path)
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    array = lambda name: numpy_helper.to_array(stored[name])
    same, numbers, kept = {}, {}, []
    for node in graph.node:
        value, made = node.input[0], node.output[0]
        if node.op_type == "DequantizeLinear" and value in stored:
            codes, scale, zero = (array(name) for name in node.input)
            if scale.ndim == 1:
                shape = [-1] + [1] * (codes.ndim - 1)
                scale, zero = scale.reshape(shape), zero.reshape(shape)
            difference = codes.astype(numpy.float32) - zero.astype(numpy.float32)
            numbers[made] = (difference * scale).astype(numpy.float32)
        elif node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            same[made] = value
        else:
            kept.append(node)

    def origin(name):
        while name in same:
            name = same[name]
        return name

    ends = {origin(value.name): value.name for value in graph.output}
    for node in kept:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                name = origin(name)
                names[place] = ends.get(name, name)
    used = {name for node in kept for name in node.input}
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    tensors += [numpy_helper.from_array(v, name) for name, v in numbers.items() if name in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(kept)
    graph.initializer.extend(tensors)
    for value in [*graph.input, *graph.output]:
        axes = value.type.tensor_type.shape.dim
        if len(axes) == 4 and axes[3].dim_value == 3 and "style" not in value.name:
            axes[1].dim_param, axes[2].dim_param = "height", "width"
    onnx.save(model, output)
