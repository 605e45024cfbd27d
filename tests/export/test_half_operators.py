"""fp16 in a real browser, on a real `shader-f16`: every operator stays on the GPU and is right."""

from __future__ import annotations

import numpy as np
import pytest

from tests.export.half_operators import operators
from tests.export.ort_page import ort_site, run
from tests.firefox import Firefox

ALLOWED = 2**-8
"""Of the largest value: fp16 rounds a number by up to 2^-11 of it, and kernels add up in fp16."""


@pytest.mark.browser
@pytest.mark.slow
def test_each_operator(firefox: Firefox) -> None:
    with ort_site() as address:
        firefox.goto(address)
        for operator in operators():
            [ran] = run(firefox, "webgpu", operator.model, operator.inputs)
            error = np.abs(ran.output - operator.expected).max() / np.abs(operator.expected).max()
            print(f"{operator.name}: {error:.1e} of the largest value")
            assert 1e-6 < error < ALLOWED, operator.name  # below: it wasn't fp16
