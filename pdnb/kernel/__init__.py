"""The kernel wing: magics, card and panel of a notebook."""
