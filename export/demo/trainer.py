"""One run's state and its steps.

The loss is CLIP's (each image finds its caption among the batch, and the reverse) plus a prototype
loss: images and captions of a concept are also pulled to a vector of its own, which makes up for
small batches. The text tower learns from a glossary besides: a word finds its meaning among the
batch's, and the reverse.

A vision transformer learns slowly from 1,500 concepts, so it may have a teacher: a trained network
whose text tower it starts from, and whose image embeddings it is held to for the first part of a
run (Touvron et al., 2021, arXiv 2012.12877). For most of a run it sees half of each picture's
patches, which is cheaper and keeps it from learning the drawings by heart (Li et al., 2023, FLIP,
arXiv 2212.00794).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from export.demo.batches import Batch, BatchMaker
from export.demo.model import clip_merges, new_model, new_tokenizer
from export.openclip import open_clip


@dataclass(frozen=True, kw_only=True)
class Recipe:
    steps: int
    batch_size: int = 224
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    warm_up: int = 80
    prototype_weight: float = 0.5
    glossary_weight: float = 0.5
    teacher_weight: float = 2.0
    teacher_share: float = 0.6
    """Of the steps, the first ones, in which the teacher is listened to; its weight falls to 0."""
    hidden_patches: float = 0.5
    whole_share: float = 0.1
    """Of the steps, the last ones, in which no patch is hidden."""
    seed: int = 2026
    save_every: int = 100


class Trainer:
    def __init__(
        self,
        *,
        recipe: Recipe,
        maker: BatchMaker,
        config: dict[str, Any],
        teacher: torch.nn.Module | None = None,
        start: torch.nn.Module | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.maker = maker
        self.model = new_model(config).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.tokenizer = new_tokenizer(
            clip_merges(), config["model_cfg"]["text_cfg"]["context_length"]
        )
        dim = config["model_cfg"]["embed_dim"]
        self.prototypes = torch.nn.Parameter(torch.randn(len(maker.concepts), dim) * dim**-0.5)
        self.teacher = teacher
        if start is not None:
            self.model.load_state_dict(start.state_dict())
            self._name_prototypes(start)
        elif teacher is not None:
            self._start_from(teacher)
        named = [*self.model.named_parameters(), ("prototypes", self.prototypes)]
        decayed = [p for n, p in named if p.ndim >= 2 and n != "prototypes"]
        plain = [p for n, p in named if p.ndim < 2 or n == "prototypes"]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": recipe.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
            betas=(0.9, 0.98),
        )
        preprocess = config["preprocess_cfg"]
        self._mean = 255 * torch.tensor(preprocess["mean"]).view(1, 3, 1, 1)
        self._std = 255 * torch.tensor(preprocess["std"]).view(1, 3, 1, 1)
        self.step = 0

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "prototypes": self.prototypes.detach(),
            "optimiser": self.optimiser.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        with torch.no_grad():
            self.prototypes.copy_(state["prototypes"])
        self.optimiser.load_state_dict(state["optimiser"])

    def _start_from(self, teacher: torch.nn.Module) -> None:
        """Take over all but the teacher's image tower."""
        learnt = {
            name: weight
            for name, weight in teacher.state_dict().items()
            if not name.startswith("visual.")
        }
        self.model.load_state_dict(learnt, strict=False)
        self._name_prototypes(teacher)

    def _name_prototypes(self, network: torch.nn.Module) -> None:
        """A concept's prototype is its name, as that network sees it."""
        names = self.tokenizer([concept.name for concept in self.maker.concepts])
        with torch.no_grad():
            self.prototypes.copy_(functional.normalize(encode_text(network, names), dim=-1))

    def _hide_patches(self) -> None:
        """Hide a share of each picture's patches, or none near the end. Drawn anew for each step
        from the seed, so that a run resumes where it stopped."""
        torch.manual_seed(self.recipe.seed + self.step)
        tower: Any = self.model.visual
        if hasattr(tower, "patch_dropout"):
            shown_whole = self.step >= (1 - self.recipe.whole_share) * self.recipe.steps
            tower.patch_dropout = (
                torch.nn.Identity()
                if shown_whole
                else open_clip.transformer.PatchDropout(self.recipe.hidden_patches)
            )

    def train_step(self) -> float:
        """One step. Returns the loss, in nats."""
        self._hide_patches()
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate()
        loss = self._loss(self.maker.make(self.step))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        self.optimiser.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, math.log(100))
        self.step += 1
        return loss.item()

    def _learning_rate(self) -> float:
        peak, warm_up = self.recipe.learning_rate, self.recipe.warm_up
        if self.step < warm_up:
            return peak * (self.step + 1) / warm_up
        done = (self.step - warm_up) / max(1, self.recipe.steps - warm_up)
        return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def _loss(self, batch: Batch) -> torch.Tensor:
        pixels = torch.from_numpy(batch.images).float()
        images = ((pixels - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        ids = self.tokenizer(batch.captions)
        shown = torch.from_numpy(batch.concepts)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            image = self.model.encode_image(images)
            text = encode_text(self.model, ids)
        image = functional.normalize(image.float(), dim=-1)
        text = functional.normalize(text.float(), dim=-1)
        scale = self.model.logit_scale.exp()
        logits = scale * image @ text.T
        own = torch.arange(len(logits))
        clip = functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)
        prototypes = functional.normalize(self.prototypes, dim=-1)
        # A scene of two concepts is half of each.
        target = torch.zeros(len(shown), len(prototypes))
        target.scatter_add_(1, shown, torch.full(shown.shape, 0.5))
        prototype = functional.cross_entropy(
            scale * image @ prototypes.T, target
        ) + functional.cross_entropy(scale * text @ prototypes.T, target)
        total: torch.Tensor = clip / 2 + self.recipe.prototype_weight * prototype / 2
        total = total + self._misunderstood(batch, scale)
        return total + self._distance_to_teacher(images, image)

    def _misunderstood(self, batch: Batch, scale: torch.Tensor) -> torch.Tensor:
        """CLIP's loss between words and what they mean."""
        if not batch.terms:
            return torch.zeros(())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            terms = encode_text(self.model, self.tokenizer(batch.terms))
            meanings = encode_text(self.model, self.tokenizer(batch.meanings))
        logits = (
            scale
            * functional.normalize(terms.float(), dim=-1)
            @ functional.normalize(meanings.float(), dim=-1).T
        )
        own = torch.arange(len(logits))
        both = functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)
        return self.recipe.glossary_weight * both / 2

    def _distance_to_teacher(self, images: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """1 - cosine between the two networks' image embeddings, weighed by how early it is."""
        left = 1 - self.step / (self.recipe.teacher_share * self.recipe.steps)
        if self.teacher is None or left <= 0:
            return torch.zeros(())
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            taught = self.teacher.encode_image(images)  # type: ignore[operator]
        taught = functional.normalize(taught.float(), dim=-1)
        distance: torch.Tensor = 1 - (image * taught).sum(dim=-1).mean()
        return self.recipe.teacher_weight * left * distance


def encode_text(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """open_clip's CLIP.encode_text without the padding, which costs half the time: attention is
    causal and the text is pooled at its end, so nothing after the longest one's end is looked at.
    """
    length = int(ids.argmax(dim=1).max()) + 1
    ids = ids[:, :length]
    x = model.token_embedding(ids) + model.positional_embedding[:length]
    x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
    x = model.ln_final(x)[torch.arange(len(ids)), ids.argmax(dim=1)]
    text: torch.Tensor = x @ model.text_projection
    return text
