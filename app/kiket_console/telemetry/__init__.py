"""How often, how slow, and since when: histograms of durations and what is made of them; no I/O."""
