"""From open_clip's modules to the plain arrays that the graph writers take.

Everything here reads a network that open_clip has built and loaded. What the writers don't know
is refused by name, never approximated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from export.block_weights import AttentionWeights, BlockWeights, Norm
from export.errors import TowerUnsupported
from export.openclip import open_clip
from export.resnet import BottleneckWeights, ConvWeights, ResNetWeights
from export.text import TextWeights
from export.vision import VisionWeights
from export.weights import Float32

Triple = tuple[float, float, float]


def image_weights(model: nn.Module, mean: Triple, std: Triple) -> VisionWeights | ResNetWeights:
    """The image tower of an open_clip CLIP. Raises TowerUnsupported."""
    visual: Any = model.visual
    if isinstance(visual, open_clip.model.VisionTransformer):
        return _vision(visual, mean, std)
    if isinstance(visual, open_clip.model.ModifiedResNet):
        return _resnet(visual, mean, std)
    raise TowerUnsupported(f"The image tower is a {type(visual).__name__}.")


def text_weights(model: nn.Module) -> TextWeights:
    """The text tower of an open_clip CLIP. Raises TowerUnsupported."""
    text: Any = model
    pool = getattr(model, "text_pool_type", "")
    if isinstance(model, open_clip.model.CustomTextCLIP):
        text = model.text
        if not isinstance(text, open_clip.transformer.TextTransformer):
            raise TowerUnsupported(f"The text tower is a {type(text).__name__}.")
        pool = text.pool_type
        if text.cls_emb is not None:
            raise TowerUnsupported("The text tower pools at a class token.")
    elif not isinstance(model, open_clip.model.CLIP):
        raise TowerUnsupported(f"The network is a {type(model).__name__}.")
    if pool != "argmax":
        raise TowerUnsupported(f"The text tower pools by '{pool}', not at the end of the text.")
    if text.attn_mask is None:
        raise TowerUnsupported("The text tower isn't causal.")
    if not isinstance(text.text_projection, nn.Parameter):
        raise TowerUnsupported("The text tower's projection isn't a plain matrix.")
    return TextWeights(
        tokens=_array(text.token_embedding.weight),
        positions=_array(text.positional_embedding),
        blocks=_blocks(text.transformer),
        final_norm=_norm(text.ln_final),
        projection=_array(text.text_projection),
        end_of_text=int(text.vocab_size) - 1,
    )


def _vision(visual: Any, mean: Triple, std: Triple) -> VisionWeights:
    if visual.attn_pool is not None or visual.pool_type != "tok":
        raise TowerUnsupported("The image tower doesn't pool at its class token.")
    if visual.proj is None or visual.output_tokens:
        raise TowerUnsupported("The image tower has no projection, or gives all tokens.")
    height, width = visual.image_size
    if height != width or height % visual.patch_size[0] or len(set(visual.patch_size)) != 1:
        raise TowerUnsupported(f"The image tower takes {width} x {height} pictures in odd patches.")
    normed = not isinstance(visual.ln_pre, nn.Identity)
    return VisionWeights(
        mean=mean,
        std=std,
        size=int(height),
        patches=_array(visual.conv1.weight),
        first_token=_array(visual.class_embedding),
        positions=_array(visual.positional_embedding),
        first_norm=_norm(visual.ln_pre) if normed else None,
        blocks=_blocks(visual.transformer),
        final_norm=_norm(visual.ln_post),
        projection=_array(visual.proj),
    )


def _blocks(transformer: Any) -> Sequence[BlockWeights]:
    blocks = list(transformer.resblocks)
    if not blocks:
        raise TowerUnsupported("A tower without layers.")
    return [_block(block) for block in blocks]


def _block(block: Any) -> BlockWeights:
    if type(block) is not open_clip.transformer.ResidualAttentionBlock:
        raise TowerUnsupported(f"A tower has blocks of the kind {type(block).__name__}.")
    if not (isinstance(block.ls_1, nn.Identity) and isinstance(block.ls_2, nn.Identity)):
        raise TowerUnsupported("A tower has layer scale.")
    activation = block.mlp.gelu
    quick = isinstance(activation, open_clip.transformer.QuickGELU)
    if not quick and not (isinstance(activation, nn.GELU) and activation.approximate == "none"):
        raise TowerUnsupported(f"A tower's activation is {activation}.")
    attention = block.attn
    return BlockWeights(
        norm_1=_norm(block.ln_1),
        attention=AttentionWeights.of(
            heads=attention.num_heads,
            inward=_array(attention.in_proj_weight),
            inward_bias=_array(attention.in_proj_bias),
            outward=_array(attention.out_proj.weight),
            outward_bias=_array(attention.out_proj.bias),
        ),
        norm_2=_norm(block.ln_2),
        widen=_transposed(block.mlp.c_fc.weight),
        widen_bias=_array(block.mlp.c_fc.bias),
        quick_gelu=quick,
        narrow=_transposed(block.mlp.c_proj.weight),
        narrow_bias=_array(block.mlp.c_proj.bias),
    )


def _resnet(visual: Any, mean: Triple, std: Triple) -> ResNetWeights:
    size = visual.image_size
    if isinstance(size, (tuple, list)):
        if len(set(size)) != 1:
            raise TowerUnsupported(f"The image tower takes pictures of {size}.")
        size = size[0]
    stem = [
        _conv(conv, batch_norm)
        for conv, batch_norm in (
            (visual.conv1, visual.bn1),
            (visual.conv2, visual.bn2),
            (visual.conv3, visual.bn3),
        )
    ]
    layers = (visual.layer1, visual.layer2, visual.layer3, visual.layer4)
    pool = visual.attnpool
    return ResNetWeights(
        mean=mean,
        std=std,
        size=int(size),
        stem=stem,
        bottlenecks=[_bottleneck(each) for layer in layers for each in layer],
        places=_array(pool.positional_embedding),
        attention=AttentionWeights.of(
            heads=pool.num_heads,
            inward=np.concatenate(
                [_array(each.weight) for each in (pool.q_proj, pool.k_proj, pool.v_proj)]
            ),
            inward_bias=np.concatenate(
                [_array(each.bias) for each in (pool.q_proj, pool.k_proj, pool.v_proj)]
            ),
            outward=_array(pool.c_proj.weight),
            outward_bias=_array(pool.c_proj.bias),
        ),
    )


def _bottleneck(block: Any) -> BottleneckWeights:
    shortcut = block.downsample
    return BottleneckWeights(
        convs=(
            _conv(block.conv1, block.bn1),
            _conv(block.conv2, block.bn2),
            _conv(block.conv3, block.bn3),
        ),
        stride=int(block.stride),
        shortcut=None if shortcut is None else _conv(shortcut[1], shortcut[2]),
    )


def _conv(conv: Any, batch_norm: Any) -> ConvWeights:
    """Fold y = (conv(x) - mean) / sqrt(variance + eps) * weight + bias into one convolution."""
    kernel, gain, bias, mean, variance = (
        _array(tensor).astype(np.float64)
        for tensor in (
            conv.weight,
            batch_norm.weight,
            batch_norm.bias,
            batch_norm.running_mean,
            batch_norm.running_var,
        )
    )
    factor = gain / np.sqrt(variance + batch_norm.eps)
    return ConvWeights(
        kernel=(kernel * factor[:, None, None, None]).astype(np.float32),
        bias=(bias - mean * factor).astype(np.float32),
        stride=int(conv.stride[0]),
    )


def _norm(norm: Any) -> Norm:
    return Norm(weight=_array(norm.weight), bias=_array(norm.bias), epsilon=float(norm.eps))


def _array(tensor: torch.Tensor) -> Float32:
    return np.array(tensor.detach().to(torch.float32).cpu().numpy())


def _transposed(tensor: torch.Tensor) -> Float32:
    return np.ascontiguousarray(_array(tensor).T)
