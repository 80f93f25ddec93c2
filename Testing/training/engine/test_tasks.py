"""What is trained: the student and not its teacher, by each term with its weight; and how it is validated."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from MISTKDSegmentLib.errors import InputError
from Testing.corpus.scale import NIGHTLY
from Testing.training.prepared_data import write_prepared
from Testing.training.toy import RECIPE, toy_run, toy_student
from Training.engine.recipe import Distillation, Recipe, Schedule
from Training.engine.tasks import contract_of, organ_dice, rate_at
from Training.engine.trainings import teacher_task
from Training.losses.distillation import logit_loss

NOTHING = Distillation(sequence=0.0, relation=0.0, channel=0.0, logit=0.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared(tmp_path_factory.mktemp("tasks") / "data", unlabelled=["u"])


def batch():
    random = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 32, 64, generator=random)
    return image, torch.randint(0, 3, (2, 32, 64), generator=random), torch.ones(2, 3, dtype=torch.bool)


def test_teacher_is_frozen(data):
    task = toy_student(toy_run([data]))
    teacher = task.teacher.networks[0]
    before = [value.clone() for value in teacher.state_dict().values()]
    task.train()
    torch.stack(list(task.terms(*batch()).values())).sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(before, teacher.state_dict().values(), strict=True))
    assert not teacher.training
    assert not any(p.grad is not None for p in teacher.parameters())
    assert all(p.grad is not None for p in task.parameters())
    optimised = {id(p) for group in task.configure_optimizers()["optimizer"].param_groups for p in group["params"]}
    assert optimised == {id(p) for p in task.parameters()}


@pytest.mark.parametrize("term", ["sequence", "relation", "channel", "logit"])
def test_switch_and_weight_of_terms(data, term):
    def terms(weight: float) -> dict[str, torch.Tensor]:
        task = toy_student(toy_run([data], distillation=replace(NOTHING, **{term: weight})))
        return task.eval().terms(*batch())

    assert set(terms(0.0)) == {"segmentation"}
    once, twice = terms(1.0), terms(2.0)
    assert set(once) == {"segmentation", term}
    assert once[term] > 0 and twice[term].item() == pytest.approx(2 * once[term].item())
    assert once["segmentation"].item() == pytest.approx(terms(0.0)["segmentation"].item())


def test_no_projections_without_sequence(data):
    task = toy_student(toy_run([data], distillation=replace(NOTHING, logit=1.0)))
    assert not any("projection" in name for name, _ in task.named_parameters())


def test_unlabelled_slices(data):
    task = toy_student(toy_run([data], distillation=replace(NOTHING, logit=1.0, unlabelled_weight=0.5))).eval()
    image, labels, known = batch()
    known[1] = False
    terms = task.terms(image, labels, known)
    alone = task.terms(image[:1], labels[:1], known[:1])
    assert terms["segmentation"].item() == pytest.approx(alone["segmentation"].item(), rel=1e-5)
    ours, theirs = task.network.features(image)[1][0], task.teacher.networks[0].features(image)[1][0]
    values = logit_loss(ours, theirs)
    assert terms["logit"].item() == pytest.approx((values[0] + 0.5 * values[1]).item() / 2, rel=1e-5)


def test_teacher_of_unlabelled_slices_only(data):
    task = toy_student(toy_run([data], distillation=replace(NOTHING, sequence=1.0, logit=1.0, labelled_weight=0.0)))
    task.eval()
    seen, teacher = [], task.teacher
    task.teacher = lambda pixels: seen.append(len(pixels)) or teacher(pixels)
    image, labels, known = batch()
    known[1] = False
    terms = task.terms(image, labels, known)
    assert seen == [1]
    ours, theirs = task.network.features(image)[1][0], teacher.networks[0].features(image)[1][0]
    assert terms["logit"].item() == pytest.approx(logit_loss(ours, theirs)[1].item() / 2, rel=1e-5)
    known[1] = True
    terms = task.terms(image, labels, known)
    assert terms["sequence"].item() == terms["logit"].item() == 0 < terms["segmentation"]
    torch.stack(list(terms.values())).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in task.sequence_loss.parameters())


@pytest.mark.parametrize("silent", [{"unlabelled_share": 0.0}, {"unlabelled_weight": 0.0}, {}])
def test_teacher_that_has_nothing_to_speak_of(data, tmp_path, silent):
    prepared = data if silent else write_prepared(tmp_path / "labelled")
    run = toy_run([prepared], distillation=Distillation(labelled_weight=0.0, **silent))
    with pytest.raises(InputError, match="there are no unlabelled slices of which the teacher could speak"):
        toy_student(run)


def test_batch_without_labels(data):
    task = toy_student(toy_run([data]))
    image, labels, known = batch()
    terms = task.terms(image, labels, torch.zeros_like(known))
    assert terms["segmentation"].item() == 0 and terms["sequence"] > 0
    torch.stack(list(terms.values())).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in task.parameters())


@pytest.mark.slow
@pytest.mark.skipif(not NIGHTLY, reason="compiling takes two minutes: MISTKD_CORPUS=nightly runs it")
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_compiled_gradients(data):
    # In a process of its own: PyTorch's compiler reads its files in the locale, which libraries of other tests change.
    code = ("import sys; from Testing.training.engine.test_tasks import compare_gradients; "
            "compare_gradients(sys.argv[1])")
    subprocess.run([sys.executable, "-X", "utf8", "-c", code, str(data)], check=True,
                   cwd=Path(__file__).resolve().parents[3])


def compare_gradients(folder: str) -> None:
    run = toy_run([Path(folder)])
    gradients = []
    for compiled in (False, True):
        task = toy_student(run._replace(settings=replace(run.settings, compile=compiled))).train()
        image, labels, known = batch()
        torch.stack(list(task.terms(task.arranged(image), labels, known).values())).sum().backward()
        gradients.append({name: p.grad for name, p in task.named_parameters()})
    plain, compiled = gradients
    for name, gradient in plain.items():
        assert torch.allclose(compiled[name], gradient, rtol=1e-3, atol=1e-4 * gradient.abs().max() + 1e-6), name


def test_drop_path_depends_on_seeds(data):
    deep = replace(RECIPE.teacher_network, drop_path=0.3)
    task = teacher_task(toy_run([data], teacher_network=deep))
    draws = task.drop_path_draws(torch.tensor([5, 6]))
    assert draws.shape == (2, deep.branches) and 0 <= draws.min() <= draws.max() < 1
    assert torch.equal(draws[1:], task.drop_path_draws(torch.tensor([6]))) and not torch.equal(draws[0], draws[1])
    assert teacher_task(toy_run([data])).drop_path_draws(torch.tensor([5])) is None


def test_share_of_wide_views(data):
    task, again = (teacher_task(toy_run([data], wide_view=(64, 96), wide_share=0.25)) for _ in range(2))
    sizes = [task.view_size(step) for step in range(400)]
    assert set(sizes) == {(32, 64), (64, 96)} and 70 <= sizes.count((64, 96)) <= 130
    assert sizes == [again.view_size(step) for step in range(400)]
    assert {teacher_task(toy_run([data])).view_size(step) for step in range(50)} == {(32, 64)}


def test_copies_share_the_teacher(data):
    task = toy_student(toy_run([data]))
    copied = copy.deepcopy(task)
    assert copied.teacher is task.teacher and copied.network is not task.network


def test_contract(data):
    run = toy_run([data])
    contract = contract_of(run.recipe, run.manifest)
    assert contract.window_hu == (-125.0, 275.0) and contract.multiple == 32
    assert (contract.pixel_spacing_mm, contract.context_offsets_mm) == (1.5, (-5.0, 0.0, 5.0))


def test_checkpoint_says_how_it_came_about(data):
    provenance = teacher_task(toy_run([data])).provenance
    assert provenance["data"]["training"] == ["a", "b"] and provenance["parameters"]["teacher"] > 0


def test_dice_by_hand():
    # Rows: reference; columns: prediction. Case 1: organ 1 has 3 voxels, of which 2 are found, 1 more is invented.
    counts = torch.tensor([[[9.0, 1, 0], [1, 2, 0], [0, 0, 0]], [[9, 0, 0], [0, 1, 0], [2, 0, 2]]])
    known = torch.tensor([[True, True, True], [True, False, True]])
    dice = organ_dice(counts, known)
    assert dice[0].item() == pytest.approx(2 * 2 / (3 + 3))  # case 2 does not know organ 1
    assert dice[1].item() == pytest.approx(2 * 2 / (4 + 2))  # case 1 neither has nor predicts organ 2


def test_unannotated_organ_has_no_dice():
    assert organ_dice(torch.ones(1, 2, 2), torch.tensor([[True, False]])).isnan().all()


def test_learning_rate():
    schedule = Schedule(steps=100, warmup=0.1)
    assert rate_at(0, schedule) == pytest.approx(0.1) and rate_at(9, schedule) == pytest.approx(1.0)
    assert rate_at(10, schedule) == pytest.approx(1.0) and rate_at(55, schedule) == pytest.approx(0.505)
    assert rate_at(100, schedule) == pytest.approx(0.01)


def test_learning_rate_after_a_restart():
    schedule = Schedule(steps=150, warmup=0.1, restarts=(100,), restart_rate=0.5)
    first = Schedule(steps=100, warmup=0.1)
    assert [rate_at(step, schedule) for step in range(100)] == [rate_at(step, first) for step in range(100)]
    assert rate_at(100, schedule) == pytest.approx(0.1) and rate_at(104, schedule) == pytest.approx(0.5)
    assert rate_at(150, schedule) == pytest.approx(0.005)


@pytest.mark.parametrize("restarts", [(0,), (100,), (50, 50), (60, 40)])
def test_impossible_restarts_are_refused(restarts):
    recipe = Recipe(student_schedule=Schedule(steps=100, restarts=restarts))
    with pytest.raises(InputError, match=r"student_schedule\.restarts is .* below the 100 steps"):
        recipe.check()
