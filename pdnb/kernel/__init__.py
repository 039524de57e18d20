"""Everything in the notebook's kernel: magics, card and panel."""
