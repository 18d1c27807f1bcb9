"""What was tried to have a wrong answer, a raw error, a hang or a success without an answer: which test tries it.

A line is what must hold; behind it are the tests that try it, each with the cases that its parameters make.
"""

import ast
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest

from tests.behaviour.command import ROOT

FEWEST = 150

BEHAVIOUR, UNIT, CONTRACTS = "tests/behaviour", "tests/unit/tune", "tests/contracts"
DIRECTION, SCALE = f"{BEHAVIOUR}/test_direction.py", f"{UNIT}/scoring/test_loss_scale.py"
DEATHS, ORIGINS = f"{CONTRACTS}/test_failures.py", f"{BEHAVIOUR}/misuse/test_origins.py"
BELONGING, READ = f"{UNIT}/ledger/test_belonging.py", "tests/unit/model/recording/test_plausibility.py"
HANDED, INCOMING = f"{CONTRACTS}/test_handed_over.py", f"{UNIT}/ledger/test_incoming.py"
HOME, MACHINES = f"{BEHAVIOUR}/test_working_folder.py", f"{BEHAVIOUR}/test_hostile_machines.py"
TRUST, RAYS_PLACE = f"{BEHAVIOUR}/misuse/test_trust.py", f"{UNIT}/drivers/ray/test_session_folder.py"

CASES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "scores": {
        "a metric that is maximised is so in every view": [
            f"{DIRECTION}::test_an_accuracy_is_maximised_through_every_view"
        ],
        "an accuracy without a direction is asked about": [
            f"{DIRECTION}::test_what_looks_like_an_accuracy_is_asked_about",
            f"{DIRECTION}::test_what_looks_like_a_loss_is_not",
            f"{DIRECTION}::test_a_training_file_is_asked_too",
        ],
        "negative metrics and a baseline of 0 are judged": [f"{DIRECTION}::test_a_negative_loss_is_minimised"],
        "shift, size and direction change no decision": [f"{SCALE}::test_shift_size_and_direction_change_no_decision"],
        "a loss with a baseline stays on its scale": [
            f"{SCALE}::test_a_loss_stays_on_its_own_scale",
            f"{SCALE}::test_a_loss_that_falls_below_zero_gets_another_zero",
        ],
        "a failed seed ranks behind all others": [f"{SCALE}::test_a_failed_seed_ranks_behind_every_other"],
        "where every seed of the best failed there is no answer": [
            f"{DIRECTION}::test_minimised_by_mistake_it_has_no_answer",
            f"{DIRECTION}::test_a_winner_of_before_is_removed_with_its_claim",
            f"{SCALE}::test_where_every_seed_of_the_best_failed_nothing_is_recommended",
        ],
        "None in an epoch is not diverged": [f"{HANDED}::test_what_is_not_validated_in_an_epoch_has_not_diverged"],
    },
    "deaths": {
        "what was reached stays reached": [
            f"{DEATHS}::test_a_confirmed_trial_outlives_a_seed_of_its_race",
            f"{DEATHS}::test_who_dies_on_the_way_up_keeps_what_it_reached",
        ],
        "retries count per unit": [f"{UNIT}/optimizer/test_retries.py::test_retries_are_those_of_a_unit"],
        "an exit is a death, in words that say of what": [
            f"{DEATHS}::test_a_trainer_that_leaves_has_crashed",
            "tests/cluster/test_failures.py::test_a_signal_of_the_trainers_own_is_a_crash",
        ],
        "settings that are refused are redrawn and taught": [
            f"{UNIT}/optimizer/test_feasible.py::test_what_is_refused_is_redrawn_and_taught",
            f"{BEHAVIOUR}/test_refused_settings.py::test_a_study_trains_what_can_be_trained",
            f"{BEHAVIOUR}/test_refused_settings.py::test_a_study_of_which_nothing_can_be_trained_is_refused",
        ],
        "what died of something that was mended is tried again": [
            f"{BEHAVIOUR}/test_retry_failed.py::test_what_died_of_a_cause_that_is_mended_is_tried_again",
            f"{BEHAVIOUR}/test_retry_failed.py::test_only_what_died_is_tried_again",
        ],
        "a study without a success claims none": [
            f"{BEHAVIOUR}/test_retry_failed.py::test_a_study_of_which_nothing_succeeded_claims_nothing"
        ],
    },
    "what it was made from": {
        "another recording is told": [
            f"{ORIGINS}::test_another_recording_is_refused",
            f"{ORIGINS}::test_a_recording_that_is_replaced_while_a_study_runs_is_told",
            f"{ORIGINS}::test_a_training_is_not_continued_on_another_recording",
            f"{READ}::test_the_cache_does_not_believe_size_and_time",
        ],
        "an edited trainer is told": [f"{ORIGINS}::test_an_edited_trainer_is_refused_and_can_be_accepted"],
        "two folders of one database are two studies": [f"{BELONGING}::test_another_folder_does_not_take_the_study"],
        "an index or a clock is no neuron": [
            f"{READ}::test_a_pandas_index_is_left_out_and_said_to_be",
            f"{READ}::test_a_clock_in_a_table_is_asked_about",
            f"{READ}::test_columns_that_cannot_be_are_refused",
        ],
        "what looks strange is told": [
            f"{READ}::test_more_neurons_than_rows_are_told",
            f"{READ}::test_signals_far_from_unit_scale_are_told",
            f"{BEHAVIOUR}/misuse/test_recordings.py::test_every_study_says_what_it_read",
        ],
        "a configuration that does not fit is refused before it trains": [
            f"{BEHAVIOUR}/misuse/test_recordings.py::test_a_configuration_that_does_not_fit_the_recording_is_refused",
            f"{BEHAVIOUR}/misuse/test_recordings.py::test_a_batch_that_does_not_fit_is_left_out_where_others_do",
        ],
    },
    "what a trainer hands over": {
        "what is meant is taken": [
            f"{HANDED}::test_whatever_holds_one_number_per_seed_decides_the_same",
            f"{INCOMING}::test_one_number_is_enough_for_one_seed",
        ],
        "what is not is a death that says what": [
            f"{HANDED}::test_what_cannot_be_taken_is_told",
            f"{INCOMING}::test_what_is_not_meant_is_refused",
            f"{INCOMING}::test_a_name_that_cannot_be_a_column_is_refused",
            f"{INCOMING}::test_a_row_that_is_no_mapping_is_refused",
            f"{INCOMING}::test_a_baseline_that_is_none_is_refused",
        ],
        "nothing bricks a study": [
            f"{BEHAVIOUR}/test_generated_trainers.py::test_no_trainer_bricks_a_study",
            f"{BEHAVIOUR}/test_generated_trainers.py::test_no_trainer_bricks_a_study_on_ray",
        ],
    },
    "the machine": {
        "files of the user's are the user's, ours are ours": [
            f"{HOME}::test_strangers_in_the_folder_are_not_taken_for_ours",
            f"{HOME}::test_a_trainer_gets_its_own_modules",
            f"{HOME}::test_a_trainer_may_be_called_model",
            f"{HOME}::test_our_trainer_is_ours",
        ],
        "a study works in its own folder": [
            f"{HOME}::test_a_study_works_in_its_own_folder",
            f"{HOME}::test_code_beside_the_caller_is_found_too",
        ],
        "paths are paths": [
            f"{BEHAVIOUR}/test_odd_paths.py::test_a_study_lies_where_it_was_told_to",
            f"{BEHAVIOUR}/test_odd_paths.py::test_ray_works_in_an_odd_folder_with_a_long_tmpdir",
        ],
        "Ray's place is private, short and gone in the end": [
            f"{RAYS_PLACE}::test_it_is_private_short_and_gone_in_the_end",
            f"{RAYS_PLACE}::test_a_place_that_is_too_long_or_cannot_be_written_is_passed_over",
        ],
        "limits, outputs and networks are told as what they are": [
            f"{MACHINES}::test_small_files_are_told_before_anything_starts",
            f"{MACHINES}::test_a_full_standard_output_is_not_taken_for_the_studys_disk",
            f"{MACHINES}::test_without_loopback_ray_says_so",
        ],
        "every end comes": [
            f"{MACHINES}::test_a_ray_that_answers_no_more_is_ended",
            f"{BEHAVIOUR}/test_interruption.py::test_a_signal_is_answered_while_ray_is_taken_down",
            f"{BEHAVIOUR}/test_interruption.py::test_every_signal_stops_in_order",
        ],
    },
    "trust": {
        "looking connects nowhere unasked": [
            f"{TRUST}::test_no_reader_connects_unasked",
            f"{TRUST}::test_no_database_is_connected_to_unasked",
            f"{TRUST}::test_no_object_store_is_asked_unasked",
        ],
        "nothing acts on the terminal": [
            f"{BEHAVIOUR}/misuse/test_hostile_texts.py::test_nothing_in_a_study_acts_on_the_terminal"
        ],
        "folders that one may not read or write are told": [
            f"{BEHAVIOUR}/misuse/test_other_users.py::test_what_may_not_be_read_is_said",
            f"{BEHAVIOUR}/misuse/test_other_users.py::test_a_folder_that_one_may_only_read",
        ],
        "a stranger's study names no folder of code": [f"{HOME}::test_a_strangers_study_names_no_folder"],
    },
    "also": {
        "numbers are read as they look": [
            f"{UNIT}/study/test_scalars.py::test_numbers_are_read_as_they_look",
            f"{BEHAVIOUR}/misuse/test_study_files.py::test_a_wrong_study_is_refused",
        ],
        "a range of millions costs nothing": [
            f"{UNIT}/study/settings/test_walk.py::test_a_range_of_millions_takes_no_memory"
        ],
        "best.yaml has all seeds of the winner": [
            f"{UNIT}/views/report/test_page.py::test_best_is_the_winner_in_full"
        ],
        "one seed is compared over equal seeds": [
            f"{UNIT}/views/report/test_report.py::test_one_seed_compares_equal_seeds"
        ],
        "a damaged or foreign ledger is a clear message": [
            f"{UNIT}/ledger/test_damaged.py::test_a_decision_that_cannot_be_is_refused",
            f"{UNIT}/ledger/test_damaged.py::test_a_database_of_another_version_is_named",
        ],
    },
}  # fmt: skip


def of_the_table() -> list[str]:
    """Every test that a line names."""
    return [test for kind in CASES.values() for line in kind.values() for test in line]


@pytest.mark.parametrize("test", of_the_table())
def test_what_the_table_names_is_there(test: str) -> None:
    """Each is a function of its file, and says in a sentence what it holds."""
    file, name = test.split("::")
    functions = [one for one in ast.parse((ROOT / file).read_text()).body if isinstance(one, ast.FunctionDef)]
    (found,) = [one for one in functions if one.name == name]
    assert ast.get_docstring(found)


@pytest.mark.slow
def test_there_are_as_many_cases_as_were_promised() -> None:
    """Counted as they run, with all parameters; nothing in the table is left out by a mark."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *of_the_table()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    cases = [line for line in done.stdout.splitlines() if "::" in line]
    assert len(cases) >= FEWEST
    assert {line.partition("[")[0] for line in cases} == set(of_the_table())
