"""ImageBind (S13.6): one space for pictures, words, sounds, depth and motion, bound by pictures alone.

`audio_encoder`, `depth_encoder` and `imu_encoder` turn what a sense gives into tokens; `trunk` is the
transformer behind each; `imagebind` puts them beside a frozen CLIP and has the loss.
"""
