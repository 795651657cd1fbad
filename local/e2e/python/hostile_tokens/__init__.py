"""Bearer tokens that must be refused, made by signers that share nothing with the product."""
