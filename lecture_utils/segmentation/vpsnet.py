"""VPSNet: panoptic segmentation of a video, on UPSNet: frames are fused, and objects are followed.

D. Kim, S. Woo, J.-Y. Lee, I. S. Kweon, "Video Panoptic Segmentation", CVPR 2020: "Fuse" aligns the earlier
frame's features by flow and joins them to those of now by attention, for all heads (`temporal_fusion.py`);
"Track" compares the regions of both frames (`tracking.py`). All is trained jointly on pairs of frames.

Departures: the paper starts from the flow of FlowNet 2.0 between the pictures and mends it on the features;
here any network from two maps to a flow will do (`feature_flow.py`), and it may learn from true flow. For
"Track" the earlier frame is read as the first of a clip is: joined with itself.

Shapes: B pictures, T frames, C channels, h × w map, H × W pixels, G true objects, R regions.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import check_classes, check_images, check_number, check_tensor
from lecture_utils.ops.flow_warp import resize_flow
from lecture_utils.segmentation.feature_flow import flow_loss
from lecture_utils.segmentation.mask_heads import find_objects
from lecture_utils.segmentation.panoptic_codes import CODES
from lecture_utils.segmentation.structures import check_mask_targets
from lecture_utils.segmentation.temporal_fusion import TemporalFusion as TemporalFusion
from lecture_utils.segmentation.tracking import Tracker, TrackHead, match_logits, match_loss, match_targets
from lecture_utils.segmentation.upsnet import UPSNet

# A picture: boxes (G, 4) in pixels, classes of things (G,), masks (G, H, W) bool, identities (G,) from 0.
VideoTargets = Sequence[tuple[Tensor, Tensor, Tensor, Tensor]]


class VPSNet(nn.Module):
    """Panoptic segmentation of a video, in which an object keeps its number.

    Parameters
    ----------
    panoptic : UPSNet
    flow : nn.Module
        (earlier, now) maps (B, C, h, w) → (B, 2, h, w) in cells: `FeatureFlow`.
    fusion : TemporalFusion
    head : TrackHead
        For what the box heads' pooling gives.
    fuse : bool
        Without, each frame is seen by itself.
    track : bool
        Without, an object's number is its row in the list of its frame.
    remember, coefficients
        As for `Tracker`.
    track_weight, flow_weight : float
        Of the losses "track" and "flow".

    Raises
    ------
    ValueError
        For input that does not fit.
    """

    def __init__(
        self,
        panoptic: UPSNet,
        flow: nn.Module,
        fusion: TemporalFusion,
        head: TrackHead,
        *,
        fuse: bool = True,
        track: bool = True,
        remember: int | None = None,
        coefficients: tuple[float, float, float] = (1.0, 2.0, 10.0),
        track_weight: float = 1.0,
        flow_weight: float = 1.0,
    ) -> None:
        super().__init__()
        Tracker(coefficients=coefficients, remember=remember)  # refuses what it cannot work with
        check_number(track_weight, "track_weight", 0)
        check_number(flow_weight, "flow_weight", 0)
        self.panoptic, self.flow, self.fusion, self.head = panoptic, flow, fusion, head
        self.fuse, self.track, self.remember, self.coefficients = fuse, track, remember, coefficients
        self.track_weight, self.flow_weight = track_weight, flow_weight

    def fused(
        self, now: Sequence[Tensor], earlier: Sequence[Tensor], flow: Tensor | None = None
    ) -> Sequence[Tensor]:
        """The maps that all heads read: those of now, with what the earlier frame saw if `fuse` is set.

        Without a flow it is estimated.
        """
        if not self.fuse:
            return now
        return self.fusion(now, earlier, self.motion(now, earlier) if flow is None else flow)

    def motion(self, now: Sequence[Tensor], earlier: Sequence[Tensor]) -> Tensor:
        """The flow (B, 2, h, w) between the gathered maps of two frames, in cells."""
        return self.flow(self.fusion.gather(earlier), self.fusion.gather(now))

    @torch.no_grad()
    def run(self, clip: Tensor) -> Tensor:
        """Segment a clip: an object has one code in all of its frames. Set the network to evaluation first.

        Parameters
        ----------
        clip : Tensor
            (T, 3, H, W).

        Returns
        -------
        Tensor
            (T, H, W) int64 codes or VOID.
        """
        check_images(clip)
        size = (clip.shape[2], clip.shape[3])
        own = self.panoptic.instances.backbone(clip)
        before = [torch.cat([x[:1], x[:-1]]) for x in own]  # the first frame has itself
        features = self.fused(own, before)
        results = self.panoptic.find(features, size)
        if not self.track:
            return torch.stack([result.panoptic for result in results])
        rows = [shown_rows(result.panoptic) for result in results]  # of each frame's instances
        boxes = [result.instances.boxes[row] for result, row in zip(results, rows, strict=True)]
        embeddings = self.embed(features, boxes).split([len(row) for row in rows])
        tracker = Tracker(coefficients=self.coefficients, remember=self.remember)
        frames = []
        for result, row, where, what in zip(results, rows, boxes, embeddings, strict=True):
            found = result.instances
            identities = tracker.step(what, where, found.labels[row], found.scores[row])
            frames.append(renumber(result.panoptic, row + 1, identities))
        return torch.stack(frames)

    def forward(self, clip: Tensor) -> Tensor:  # (T, 3, H, W) → (T, H, W)
        return self.run(clip)

    def embed(self, features: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Embeddings (R, D) of each picture's boxes (R, 4) in pixels, of all pictures."""
        return self.head(self.panoptic.instances.heads.pooling(features, boxes))

    def losses(
        self,
        now: Tensor,
        earlier: Tensor,
        targets: VideoTargets,
        earlier_targets: VideoTargets,
        semantic: Tensor,
        generator: torch.Generator | None = None,
        *,
        motion: tuple[Tensor, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Give the losses of UPSNet on the fused maps, and "track" and "flow", weighted.

        Parameters
        ----------
        now, earlier : Tensor
            (B, 3, H, W): two frames of each clip.
        targets, earlier_targets : sequence of (Tensor, Tensor, Tensor, Tensor)
            A picture: boxes (G, 4), classes (G,), masks (G, H, W) bool, identities (G,). Of the earlier frame
            boxes and identities count; a picture of neither may have one twice.
        semantic : Tensor
            (B, H, W) int64 classes of now, VOID where nobody labelled.
        generator : torch.Generator, optional
            Draws the samples; the global one if not given.
        motion : (Tensor, Tensor), optional
            The true flow (B, 2, H, W) in pixels from now back to earlier, and where it is known, (B, H, W)
            bool.
        """
        check_images(now)
        check_tensor(earlier, "earlier", *now.shape)
        size = (now.shape[2], now.shape[3])
        self.check_truth(targets, len(now), size)
        self.check_truth(earlier_targets, len(now), size)
        both = self.panoptic.instances.backbone(torch.cat([now, earlier]))
        here, there = ([x.chunk(2)[i] for x in both] for i in (0, 1))
        flow = self.motion(here, there) if self.fuse else None
        features = self.fused(here, there, flow)
        plain = [(boxes, labels, masks) for boxes, labels, masks, _ in targets]
        losses = self.panoptic.losses_of(features, size, plain, semantic, generator)
        if self.track:
            before = self.fused(there, there, None if flow is None else torch.zeros_like(flow))
            track = self.track_loss(features, before, size, targets, earlier_targets, generator)
            losses["track"] = self.track_weight * track
        if flow is not None and motion is not None:
            losses["flow"] = self.flow_weight * known_flow_loss(flow, *motion)
        return losses

    def track_loss(
        self,
        features: Sequence[Tensor],
        before: Sequence[Tensor],
        size: tuple[int, int],
        targets: VideoTargets,
        earlier_targets: VideoTargets,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The match loss of regions of now that show an object, against the true boxes of earlier.

        Parameters
        ----------
        features, before : sequence of Tensor
            Maps of now and of earlier.
        size : (int, int)
            H, W.
        targets, earlier_targets, generator
            As for `losses`.
        """
        self.check_truth(targets, len(features[0]), size)
        self.check_truth(earlier_targets, len(features[0]), size)
        instances = self.panoptic.instances
        with torch.no_grad():
            proposals = instances.rpn(features, size, [size] * len(targets))
        regions, identities = [], []
        for (proposed, _), (boxes, labels, _, names) in zip(proposals, targets, strict=True):
            own, label, truth = instances.heads.sample(proposed, boxes, labels, generator)
            shown = label > 0
            regions.append(own[shown])
            identities.append(names[find_objects(truth[shown], label[shown] - 1, boxes, labels)])
        now = self.embed(features, regions).split([len(own) for own in regions])
        there = [boxes.to(features[0]) for boxes, *_ in earlier_targets]
        earlier = self.embed(before, there).split([len(own) for own in there])
        logits = [match_logits(*pair) for pair in zip(now, earlier, strict=True)]
        return match_loss(
            logits,
            [match_targets(a, b[3]) for a, b in zip(identities, earlier_targets, strict=True)],
        )

    def check_truth(self, targets: VideoTargets, batch: int, size: tuple[int, int]) -> None:
        """Raise ValueError unless there are four tensors a picture that fit, the identities all different."""
        if not isinstance(targets, Sequence) or any(len(target) != 4 for target in targets):
            got = [len(target) for target in targets] if isinstance(targets, Sequence) else type(targets)
            raise ValueError(f"targets: got {got} parts, want boxes, labels, masks and identities a picture")
        plain = [(boxes, labels, masks) for boxes, labels, masks, _ in targets]
        check_mask_targets(plain, batch, self.panoptic.instances.heads.head.classes, size)
        for boxes, _, _, identities in targets:
            check_classes(identities, "targets, identities", len(boxes))
            if len(identities.unique()) != len(identities):
                raise ValueError(f"targets, identities: got {identities.tolist()}, want each once")


def known_flow_loss(flow: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """End-point error of a flow (B, 2, h, w) in cells against the pixels' (B, 2, H, W), where all is known.

    Raises ValueError for shapes that do not fit.
    """
    check_tensor(flow, "flow", "B", 2, "h", "w", some=True)
    check_tensor(truth, "truth", len(flow), 2, "H", "W")
    check_tensor(known, "known", len(flow), *truth.shape[2:], kind="bool")
    size = (flow.shape[2], flow.shape[3])
    unknown = F.adaptive_max_pool2d((~known).to(flow)[:, None], size)[:, 0]
    return flow_loss(flow, resize_flow(truth, size), unknown == 0)


def shown_rows(codes: Tensor) -> Tensor:
    """Rows of the instances that have a pixel in UPSNet's map (H, W), where row r has number r + 1: (R,)."""
    check_tensor(codes, "codes", "H", "W", kind="int")
    numbers = (codes[codes >= 0] % CODES).unique()
    return numbers[numbers > 0] - 1


def renumber(codes: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """Exchange the objects' numbers in a map of codes (H, W): `old` (R,) by `new` (R,).

    Raises ValueError for other shapes, or numbers beyond what a code can hold.
    """
    check_tensor(codes, "codes", "H", "W", kind="int")
    check_classes(old, "old", "R", classes=CODES)
    check_classes(new, "new", len(old), classes=CODES)
    table = torch.arange(CODES, device=codes.device)
    table[old] = new
    return torch.where(codes < 0, codes, codes - codes % CODES + table[codes % CODES])
