"""A Ray that tests share, because each start of one takes seconds."""

import time
import warnings

SLOTS = 2
_FREE_WITHIN_S = 60


class SmallRay:
    """A Ray of this process with two slots; it starts when it is first asked for.

    What a test before has left is waited for. On a busy machine Ray has been seen to give a slot back never again, and
    every test after that waited for it in vain: then this says so and starts another.
    """

    def be_free(self) -> None:
        """Returns when both slots are free."""
        import ray

        if ray.is_initialized() and not _becomes_free():
            from ray.util import placement_group_table

            left = ray.available_resources(), placement_group_table()
            warnings.warn(f"Ray did not give its slots back and was started anew; it had {left}", stacklevel=1)
            ray.shutdown()
        if not ray.is_initialized():
            ray.init(
                address="local",  # never a cluster that happens to run on this machine
                num_cpus=SLOTS,
                num_gpus=0,
                object_store_memory=200 * 2**20,
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=False,
            )

    def end(self) -> None:
        """Ends it."""
        import ray

        ray.shutdown()


def _becomes_free() -> bool:
    import ray

    end = time.monotonic() + _FREE_WITHIN_S
    while float(ray.available_resources().get("CPU", 0)) < SLOTS:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
