"""`python -m tune.cli` is `latent-tune`."""

import sys

from tune.cli.parser import main

sys.exit(main())
