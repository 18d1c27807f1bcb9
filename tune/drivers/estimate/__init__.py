"""How the time of a study is estimated: from short trainings, by playing the study many times before it is run.

What a study takes is decided by three things, and all three are uncertain before it is run: how long an epoch of each
setting takes, which settings are tried, and how far each is trained. So nothing is multiplied here; the study is played
in virtual time, from its first trial to its last, by the optimizer and the driver that will work on it, and each play
draws anew what is not known. The estimate is the distribution over plays: 10, 50 and 90 % of each quantity.

1. **Seconds of an epoch** (`epoch_times.py`, `features.py`). From the short trainings of a check: the middle of the
   space with the seeds of the first rung and with one, and corners. The logarithm of seconds is a level, plus an
   effect of each parameter that lies away from the middle, on its own scale, plus an exponent times the logarithm of
   the number of seeds. It is fitted by Bayesian regression, so what no probe moved, or a number of seeds that none
   trained, stays as uncertain as it is; between middle and end the effect may bend. First epochs, start and
   evaluation are apart. All seconds are multiplied by a drift that is drawn once per play, 10 % and more: as much as
   repeats and epochs of the probes differ, because a machine is another by the time the study runs. Where trainings
   side by side ask for more CPU-seconds than there are cores, these decide.
2. **Losses** (`played_losses.py`). Only who climbs, dies or races depends on them. They fall from where the probed
   ones fell; how much settings and seeds differ, which setting is best and how many runs fail is drawn from wide
   priors. So in one play the dear settings are the good ones, and in another the cheap ones. Settings near one whose
   probe died die, mostly.
3. **The play** (`play.py`, `played_ledger.py`). The study's own ladder, budgets, constraints, slots and race, and its
   own seed: what chance decides, such as the settings before a sampler has seen enough, is as it will be. The ledger
   is in memory; a play of twenty trials takes a tenth of a second. Long studies are played small and multiplied by
   what the ladder asks for (`study_estimate.py` says so: `Estimate.scaled`). What the tuner takes itself is measured
   by a study that trains nothing (`overheads.py`).

What it does not know: trainings that slow down as they go on, machines that come and go, faults, and settings dearer
than all corners that were probed. `python -m benchmarks.check_estimate` estimates ten studies of different kinds and
then runs them.
"""
