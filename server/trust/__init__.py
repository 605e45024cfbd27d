"""Trust: audits of what devices post, and what follows from them."""
