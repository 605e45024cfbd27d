"""Training: batches that depend on seed and step alone, a run that resumes exactly."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from export.demo import captions
from export.demo.artwork import load_vendor
from export.demo.artwork_cache import drawings
from export.demo.batches import BatchMaker
from export.demo.concepts import Concept, load_concepts
from export.demo.glossary import load_glossary
from export.demo.licences import licences
from export.demo.model import IMAGE_TOWERS, load_model, load_tokenizer, new_config
from export.demo.release import release
from export.demo.trainer import Recipe, Trainer, encode_text
from export.openclip import open_clip

NODE_MODULES = Path(__file__).resolve().parents[2] / "node_modules"
RECIPE = Recipe(steps=4, batch_size=24, warm_up=2)
CONFIG = new_config("vit")


@pytest.fixture(scope="module")
def concepts() -> list[Concept]:
    return [c for c in load_concepts(NODE_MODULES) if c.seen and c.group == 3][:60]


@pytest.fixture(scope="module")
def maker(concepts: list[Concept], tmp_path_factory: pytest.TempPathFactory) -> BatchMaker:
    cache = tmp_path_factory.mktemp("artwork")
    return BatchMaker(
        concepts=concepts,
        vendors=[
            drawings(load_vendor(NODE_MODULES, name, concepts), cache)
            for name in ("noto", "fxemoji")
        ],
        batch_size=RECIPE.batch_size,
        image_size=64,
        seed=RECIPE.seed,
        glossary=load_glossary()[:16],
    )


def test_drawings_come_from_the_cache_the_second_time(
    concepts: list[Concept], tmp_path: Path
) -> None:
    vendor = load_vendor(NODE_MODULES, "fxemoji", concepts)
    first = drawings(vendor, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    second = drawings(vendor, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert first.labels == second.labels
    assert np.array_equal(first.pixels, second.pixels)


def test_a_batch_is_a_function_of_its_step(maker: BatchMaker) -> None:
    first, again, other = maker.make(5), maker.make(5), maker.make(6)
    assert np.array_equal(first.images, again.images)
    assert first.captions == again.captions
    assert not np.array_equal(first.images, other.images)


def test_a_batch_names_each_concept_once(maker: BatchMaker) -> None:
    for step in range(5):
        batch = maker.make(step)
        assert batch.images.shape == (24, 3, 64, 64)
        assert len(set(batch.concepts[:, 0].tolist())) == 24
        assert all(caption.strip() for caption in batch.captions)


@pytest.fixture(scope="module")
def teacher(maker: BatchMaker) -> torch.nn.Module:
    return Trainer(recipe=RECIPE, maker=maker, config=new_config("resnet")).model.eval()


@pytest.mark.parametrize("image_tower", IMAGE_TOWERS)
def test_a_stopped_run_ends_as_one_that_was_not(
    maker: BatchMaker, teacher: torch.nn.Module, image_tower: str
) -> None:
    torch.set_num_threads(1)
    config = new_config(image_tower)
    whole = Trainer(recipe=RECIPE, maker=maker, config=config, teacher=teacher)
    for _ in range(3):
        whole.train_step()
    stopped = Trainer(recipe=RECIPE, maker=maker, config=config, teacher=teacher)
    stopped.train_step()
    saved = {
        **stopped.state(),
        "model": {k: v.clone() for k, v in stopped.state()["model"].items()},
    }
    resumed = Trainer(recipe=RECIPE, maker=maker, config=config, teacher=teacher)
    resumed.restore(saved)
    for _ in range(2):
        resumed.train_step()
    for name, weight in whole.model.state_dict().items():
        assert torch.allclose(weight.float(), resumed.model.state_dict()[name].float(), atol=1e-6)


def test_a_pupil_starts_with_its_teacher_s_words(
    maker: BatchMaker, teacher: torch.nn.Module
) -> None:
    pupil = Trainer(recipe=RECIPE, maker=maker, config=CONFIG, teacher=teacher)
    ids = pupil.tokenizer([concept.name for concept in maker.concepts])
    with torch.inference_mode():
        words = torch.nn.functional.normalize(encode_text(teacher, ids), dim=-1)
        assert torch.equal(encode_text(pupil.model, ids), encode_text(teacher, ids))
        assert torch.allclose(pupil.prototypes, words, atol=1e-6)


def test_a_run_can_go_on_from_a_network(maker: BatchMaker) -> None:
    before = Trainer(recipe=RECIPE, maker=maker, config=CONFIG)
    before.train_step()
    after = Trainer(recipe=RECIPE, maker=maker, config=CONFIG, start=before.model)
    for name, weight in before.model.state_dict().items():
        assert torch.equal(weight, after.model.state_dict()[name])
    names = after.tokenizer([concept.name for concept in maker.concepts])
    with torch.inference_mode():
        words = torch.nn.functional.normalize(encode_text(before.model, names), dim=-1)
    assert torch.allclose(after.prototypes, words, atol=1e-6)


def test_words_draw_near_to_their_meanings(maker: BatchMaker) -> None:
    recipe = Recipe(steps=40, batch_size=24, warm_up=2, glossary_weight=5.0)
    trainer = Trainer(recipe=recipe, maker=maker, config=CONFIG)
    glossary = load_glossary()[:16]

    def found() -> float:
        sides = ([entry.term for entry in glossary], [entry.gloss for entry in glossary])
        with torch.inference_mode():
            terms, meanings = (
                torch.nn.functional.normalize(
                    encode_text(trainer.model, trainer.tokenizer(side)), dim=-1
                )
                for side in sides
            )
        scores = terms @ meanings.T
        return (scores.diagonal().mean() - scores.mean()).item()

    before = found()
    for _ in range(12):
        trainer.train_step()
    assert found() > before + 0.05


def test_a_caption_may_be_the_meaning(concepts: list[Concept]) -> None:
    rng = np.random.default_rng(3)
    texts = [captions.single(rng, concepts[0], None, meanings=["it barks"]) for _ in range(400)]
    assert 20 < texts.count("it barks") < 90


def test_a_pupil_draws_near_to_its_teacher(maker: BatchMaker, teacher: torch.nn.Module) -> None:
    recipe = Recipe(steps=40, batch_size=24, warm_up=2, teacher_share=1.0)
    pupil = Trainer(recipe=recipe, maker=maker, config=CONFIG, teacher=teacher)
    images = torch.from_numpy(maker.make(99).images).float() / 128 - 1

    def distance() -> float:
        with torch.inference_mode():
            taught, learnt = teacher.encode_image(images), pupil.model.encode_image(images)  # type: ignore[operator]
        return 1 - torch.nn.functional.cosine_similarity(taught, learnt).mean().item()

    before = distance()
    for _ in range(12):
        pupil.train_step()
    assert distance() < before


def test_the_last_steps_see_whole_pictures(maker: BatchMaker) -> None:
    trainer = Trainer(recipe=RECIPE, maker=maker, config=CONFIG)
    trainer.train_step()
    tower = trainer.model.visual
    assert isinstance(tower.patch_dropout, open_clip.transformer.PatchDropout)  # type: ignore[union-attr]
    trainer.step = RECIPE.steps - 1
    trainer.recipe = dataclasses.replace(RECIPE, whole_share=0.5)
    trainer.train_step()
    assert isinstance(tower.patch_dropout, torch.nn.Identity)  # type: ignore[union-attr]


def test_the_loss_falls(maker: BatchMaker) -> None:
    trainer = Trainer(recipe=Recipe(steps=20, batch_size=24, warm_up=2), maker=maker, config=CONFIG)
    losses = [trainer.train_step() for _ in range(12)]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


def test_text_without_padding_is_text_with_it(maker: BatchMaker) -> None:
    trainer = Trainer(recipe=RECIPE, maker=maker, config=CONFIG)
    ids = trainer.tokenizer(["a", "a very long caption, with commas, of a cat", "😀 emoji"])
    with torch.inference_mode():
        assert torch.allclose(
            encode_text(trainer.model, ids),
            trainer.model.encode_text(ids),
            atol=1e-5,
        )


def test_a_release_loads_in_open_clip(maker: BatchMaker, tmp_path: Path) -> None:
    trainer = Trainer(recipe=RECIPE, maker=maker, config=CONFIG)
    trainer.train_step()
    release(
        model=trainer.model,
        config=CONFIG,
        trained=[concept.label for concept in maker.concepts],
        licences=licences(NODE_MODULES),
        folder=tmp_path,
    )
    ours = load_model(tmp_path)
    theirs, transform = open_clip.create_model_from_pretrained(f"local-dir:{tmp_path}")
    ids = load_tokenizer(tmp_path)(["red apple", "a picture of a cat"])
    assert ids.shape == (2, 32)
    assert ids.max() == 4097
    with torch.inference_mode():
        expected = theirs.eval().encode_text(ids)
        assert torch.allclose(ours.encode_text(ids), expected, atol=1e-6)  # type: ignore[operator]
    assert transform.transforms[0].size == 64
