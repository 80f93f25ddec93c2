"""The corpus is as large as it says."""

from Testing.corpus import scale, test_bundles, test_damage, test_faults, test_scans


def test_there_are_hundreds_of_cases_in_the_normal_form_and_thousands_in_the_nightly_one():
    assert {test_bundles, test_damage, test_faults, test_scans}
    assert scale.planned() >= (3000 if scale.NIGHTLY else 200)
    assert scale.planned_nightly() >= 3000
