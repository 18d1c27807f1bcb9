"""What the results say, in sentences, the same in the terminal and in the report."""

import shlex
from math import isfinite

from tune.ledger.reader import LedgerReader
from tune.scoring.measured import interval_of
from tune.scoring.standings import AS_SAFE, QUICKER, Lucky, Standing
from tune.views import wording
from tune.views.lost_work import LostWork
from tune.views.one_seed import one_seed_choices, worst_choice
from tune.views.results import Cost, Results, failed_seeds

LOST_BY = {
    "crashed": "crashed",
    "out_of_memory": "out of memory",
    "stalled": "stalled",
    "lost": "process or machine lost",
    "evaluation": "evaluation failed",
    "driver_killed": "driver killed",
    "driver_ended": "driver ended before all was saved",
    "no_checkpoint": "trained again without a checkpoint",
}
"""In words, what work was lost by (`tune.views.lost_work.CAUSES`)."""

_WORK = {
    "gpu_seconds": "the time for which GPUs were held",
    "seconds": "the training time",
    "seed_epochs": "the seed-epochs",
}

_FEWEST_TO_DOUBT = 3
"""Runs at the first rung; fewer may all be slow starters."""


def answer(results: Results) -> list[str]:
    """Returns the answer: which setting, what to expect of it and what it beats, what one seed would have said."""
    best = results.best
    if best is None:
        return [nothing_to_recommend(results)]
    return [_which(results, best), _expect(results, best), _beats(results, best)]


def luck_sentence(results: Results, luck: Lucky) -> str:
    """Returns what a sweep with one seed would have made of a trial."""
    standing = luck.standing
    chosen = wording.setting_and_arm(results.study, standing.trial)
    return (
        f"Trial {standing.number} ({chosen}): a sweep with seed {luck.seed} alone would have "
        f"preferred it ({wording.number(luck.loss)} against {wording.number(luck.incumbent_loss)} after "
        f"{wording.count(standing.epochs, 'epoch')}), but it fails on {wording.seeds(luck.failed)}."
    )


def cost_sentences(cost: Cost) -> list[str]:
    """Returns what the study cost and what early stopping saved."""
    redone = f" ({cost.redone:,} trained again)" if cost.redone else ""
    ended = f", {cost.interruptions} of which interrupted or lost" if cost.interruptions else ""
    spent = f"{wording.count(cost.spent, 'seed-epoch')}{redone} in {wording.duration(cost.seconds)}"
    lines = [f"{spent} over {wording.count(cost.sessions, 'session')}{ended}."]
    if cost.gpu_hours is not None:
        lines.append(f"Trials held GPUs for {gpu_use(cost)}.")
    if cost.spent < cost.full:
        lines.append(
            f"Early stopping saved {wording.percent(cost.saved, 0)}: training every trial to the end on every seed "
            f"would have cost {wording.count(cost.full, 'seed-epoch')}."
        )
    return lines


def gpu_use(cost: Cost) -> str:
    """Returns the GPU-hours of a study whose trials have GPUs, and what they cost, in a few words."""
    assert cost.gpu_hours is not None
    hours = wording.gpu_hours(cost.gpu_hours, cost.gpu_hours_budget)
    return hours if cost.money is None else f"{hours}, {wording.money(cost.money, cost.money_budget)}"


def lost_sentence(lost: LostWork, price_per_gpu_hour: float | None = None) -> str:
    """Returns what failures and work done again cost, by cause; that nothing was lost, where it is so.

    Args:
        lost: Of the study.
        price_per_gpu_hour: In whatever currency; None: no money is told.
    """
    if not lost.losses:
        return "Nothing that was trained was lost: no epoch was trained again, and none was of a trial that died."
    whole, hours = lost.whole, lost.whole.gpu_seconds / 3600
    amounts = [wording.count(whole.redone + whole.died, "seed-epoch")]
    amounts += [] if whole.seconds is None else [f"{wording.duration(whole.seconds)} of training"]
    amounts += [wording.gpu_hours(hours)] if hours else []
    amounts += [wording.money(hours * price_per_gpu_hour)] if hours and price_per_gpu_hour is not None else []
    causes = ", ".join(f"{LOST_BY[one.cause]} {wording.percent(one.share)}" for one in lost.losses)
    share = f"{wording.percent(whole.share)} of {_WORK[lost.unit]}"
    return f"Lost to failures and work done again: {share} ({', '.join(amounts)}): {causes}."


def kept_sentences(ledger: LedgerReader) -> list[str]:
    """Returns of each trial that died after it had reached something what it lost by that, and what it keeps."""
    lines = []
    for trial in ledger.trials:
        if not trial.dead or trial.last is None:
            continue
        seeds = [seed for seed in ledger.study.seeds if seed in trial.given_up]
        if seeds:
            what, kept = f"lost {wording.seeds(seeds)} of the final race", "it stays confirmed by its others"
        else:
            what = f"died on its way to rung {trial.rung}"
            kept = f"what it reached at rung {trial.last.rung} is kept, and it is not promoted"
        causes = [one.cause for one in trial.attempts if one.died and (not seeds or {*one.seeds} & {*seeds})]
        lines.append(f"Trial {trial.number} {what} ({causes[-1] if causes else trial.reason}); {kept}.")
    return lines


def nothing_to_recommend(results: Results) -> str:
    """Returns why no setting is recommended, and what to do where that is known."""
    first = next((one for one in results.ranked if one.rung is not None), None)
    if first is None:
        return "No trial has reached a rung yet, so there is nothing to recommend."
    beaten = "" if results.scale.baseline is None else f" or no better than the baseline of {results.baseline:.6g}"
    said = (
        f"Every seed of the best trial, {first.number}, failed: {results.study.score.metric} was not finite{beaten}. "
        "So there is nothing to recommend."
    )
    hint = direction_hint(results.ledger)
    check = "what the trainer tells" if results.scale.baseline is None else "the baseline (score.baseline)"
    return f"{said} {hint or f'Give it more epochs or other settings, or check {check}.'}"


def direction_hint(ledger: LedgerReader) -> str:
    """Returns that the direction may be wrong, where no run is better than the baseline; "" otherwise."""
    scale, rule = ledger.loss_scale, ledger.study.score
    results = [reached for trial in ledger.trials for reached in trial.reached.values()]
    ends = [value for reached in results for value in reached.losses.values()]
    told = [value for reached in results if reached.rung == 0 for value in reached.losses.values() if isfinite(value)]
    if scale.baseline is None or len(told) < _FEWEST_TO_DOUBT or not all(map(scale.failed, ends)):
        return ""
    now, other, which = ("maximize", "minimize", "lower") if rule.maximize else ("minimize", "maximize", "higher")
    return (
        f"None of {wording.count(len(told), 'run')} at the first rung was better than the baseline of "
        f"{wording.number(scale.baseline)}. If {which} values of {rule.metric} are better, this study looks the wrong "
        f"way: begin another with score.direction: {other} (now {now})."
    )


def nothing_found(results: Results) -> str:
    """Returns what to say of a study that is over and has no setting to recommend, and what to do."""
    ledger = results.ledger
    if any(one.rung is not None for one in results.ranked):
        return f"study {ledger.study.name}: {nothing_to_recommend(results)}"
    folder, dead = shlex.quote(str(ledger.folder)), sum(trial.ended == "failed" for trial in ledger.trials)
    said = f"study {ledger.study.name}: no trial came to a result, {dead} of {len(ledger.trials)} died"
    if dead:
        said += f"; latent-tune status {folder} says of what; mend it, then: latent-tune resume {folder} --retry-failed"
    return said


def failure_phrase(best: Standing) -> str:
    """Returns how often a trial fails, with the interval."""
    summary = best.summary
    assert summary is not None
    return (
        f"{summary.failed} of {wording.count(summary.seeds, 'seed')} failed "
        f"(failure rate {wording.percent(summary.failure_rate, 0)}, 95% interval "
        f"{wording.interval(summary.failure_interval)})"
    )


def _which(results: Results, best: Standing) -> str:
    chosen = wording.setting_and_arm(results.study, best.trial)
    if best.state == "confirmed":
        confirmed = len(results.confirmed)
        place = f"the best of {confirmed} confirmed trials" if confirmed > 1 else "the only confirmed trial"
        return f"Use {chosen}: trial {best.number}, {place} (score {wording.number(best.score)})."
    return (
        f"No trial was confirmed on the full ladder. The best so far, after {wording.count(best.epochs, 'epoch')} on "
        f"{wording.count(len(best.losses), 'seed')}, is trial {best.number}: {chosen} "
        f"(score {wording.number(best.score)}); take it as provisional."
    )


def _expect(results: Results, best: Standing) -> str:
    summary, metric = best.summary, results.study.score.metric
    assert summary is not None
    survivors = summary.seeds - summary.failed
    loss = f"Expect {metric} {wording.spread(summary.mean, summary.sd)} over {wording.count(survivors, 'seed')}"
    alive = [loss for loss in best.losses.values() if not results.scale.failed(loss)]
    low, high = interval_of(alive, results.scale, results.study.score)
    loss += f" (95% interval of the mean {wording.number(low)} to {wording.number(high)})"
    tests = [loss for loss in results.test_losses.values() if isfinite(loss)]
    test = f" (test loss {wording.number(sum(tests) / len(tests))} on average)" if tests else ""
    steady = wording.fixed(summary.reproducibility)
    return f"{loss}{_gain(results, summary.mean)}{test}; {failure_phrase(best)}, reproducibility {steady}."


def _gain(results: Results, mean: float) -> str:
    """Says how much better a mean is than the baseline; only a loss with a zero of its own is a share below it."""
    scale, rule = results.scale, results.study.score
    if scale.is_ratio:
        return f", {wording.percent(scale.improvement(mean))} below the {wording.baseline_owner(rule)}"
    if scale.baseline is None:
        return ""
    return f", better than the baseline of {wording.number(scale.baseline)} by {wording.number(scale.gain(mean))}"


def _advantage(results: Results, best: Standing, other: Standing) -> str | None:
    """Returns why one of two trials that cannot be told apart was preferred; None when neither reason holds of them."""
    low, high = best.failure_bound, other.failure_bound
    if low + AS_SAFE < high:
        at_most = f"fails on at most {wording.percent(low, 0)} of all seeds and not {wording.percent(high, 0)}"
        return f"{at_most} (95% interval, neighbours counted in)"
    ratio = results.ledger.pace(other.number) / results.ledger.pace(best.number)
    return f"trains {ratio:.1f} times as fast" if ratio >= QUICKER else None


def _beats(results: Results, best: Standing) -> str:
    runner, close = results.runner_up, results.tied
    if runner is None:
        against = "No other trial was confirmed, so there is no runner-up to compare it with"
    elif close:
        names = wording.listed([str(standing.number) for standing in close])
        against = f"Within the noise of its seeds it is tied with trial{'s' if len(close) > 1 else ''} {names}"
        why = _advantage(results, best, close[0]) if close[0].score < best.score else None
        if why is not None:
            against += f", and preferred to trial {close[0].number}, whose score is better, because it {why}"
    elif runner.summary is not None and runner.summary.failed > (best.summary.failed if best.summary else 0):
        failed = wording.seeds(failed_seeds(runner.losses, results.scale))
        against = f"It beats the runner-up, trial {runner.number}, which fails on {failed}"
    else:
        against = f"It beats the runner-up, trial {runner.number}, by more than the noise of its seeds"
    return f"{against}; {_one_seed(results, best)}."


def _one_seed(results: Results, best: Standing) -> str:
    """Says what a sweep with one seed would have chosen, and what that would have cost: the worst of its choices."""
    choices = one_seed_choices(results)
    worst = worst_choice(choices, best)
    if worst is not None and isfinite(worst.expected) and worst.chosen not in results.tied:
        failed = f", failing on {wording.seeds(worst.failed)}" if worst.failed else ""
        over = "all its seeds" if worst.complete else f"the {wording.count(len(worst.seeds), 'seed')} that both have"
        return (
            f"a sweep with seed {worst.seed} alone would have chosen trial {worst.chosen.number} for its "
            f"{wording.number(worst.loss)} there, which comes to {wording.number(worst.expected)} over {over} "
            f"where the winner has {wording.number(worst.winners)}{failed}"
        )
    if not results.lucky:
        return "no trial that fails on some seed looked better on another"
    luck = results.lucky[0]
    instead = f"trial {luck.standing.number}, which fails on {wording.seeds(luck.failed)}"
    return f"a sweep with seed {luck.seed} alone would have preferred {instead}"
