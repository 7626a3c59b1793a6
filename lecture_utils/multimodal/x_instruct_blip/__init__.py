"""X-InstructBLIP (S14.6): a file is a part of its diagram; `x_instruct_blip` puts them together."""
