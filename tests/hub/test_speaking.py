"""BLIP, LLaVA and Whisper on tiny random checkpoints that their library saved, all offline."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lecture_utils.hub import speaking

pytestmark = pytest.mark.system("S14.4")
transformers = pytest.importorskip("transformers")
SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
VISION = SIZES | {"image_size": 32, "patch_size": 16}


def in_order(words: str) -> list[str]:
    return words.split()


def save(folder: Path, model: Any, processor: Any) -> Any:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return model.eval()


def blip(folder: Path, kind: str) -> Any:
    torch.manual_seed(0)
    words = in_order("[PAD] [UNK] [CLS] [SEP] [MASK] a red star what is there ? [DEC] [ENC]")
    tokenizer = transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)})
    text = SIZES | {
        "vocab_size": len(words), "encoder_hidden_size": 16, "max_position_embeddings": 20,
        "bos_token_id": 12, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0,
    }  # fmt: skip
    config = transformers.BlipConfig(text_config=text, vision_config=VISION)
    images = transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    processor = transformers.BlipProcessor(images, tokenizer)
    return save(folder, getattr(transformers, kind)(config), processor), processor


def llava(folder: Path) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers

    torch.manual_seed(0)
    words = in_order("<pad> <unk> <s> </s> <image> USER : ASSISTANT what is there ? a red star")
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        additional_special_tokens=["<image>"],
    )  # fmt: skip
    images = transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    processor = transformers.LlavaProcessor(
        images,
        tokenizer,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    text = transformers.LlamaConfig(
        **SIZES,
        vocab_size=len(words),
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    vision = transformers.CLIPVisionConfig(**VISION | {"num_hidden_layers": 2})
    config = transformers.LlavaConfig(vision_config=vision, text_config=text, image_token_id=4)
    return save(folder, transformers.LlavaForConditionalGeneration(config), processor), processor


def whisper(folder: Path) -> Any:
    torch.manual_seed(0)
    words = in_order(
        "<|endoftext|> <|startoftranscript|> <|en|> <|transcribe|> <|notimestamps|> a red star Ġred"
    )
    tokenizer = transformers.WhisperTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[])
    features = transformers.WhisperFeatureExtractor(feature_size=16, chunk_length=1)
    sizes = {f"{side}_{name}": n for side in ("encoder", "decoder") for name, n in
             (("layers", 1), ("attention_heads", 2), ("ffn_dim", 24))}  # fmt: skip
    config = transformers.WhisperConfig(
        **sizes, vocab_size=len(words), num_mel_bins=16, d_model=16, max_source_positions=50,
        max_target_positions=40, pad_token_id=0, bos_token_id=0, eos_token_id=0, decoder_start_token_id=1,
        begin_suppress_tokens=None, suppress_tokens=None,
    )  # fmt: skip
    processor = transformers.WhisperProcessor(features, tokenizer)
    return save(folder, transformers.WhisperForConditionalGeneration(config), processor), processor


def test_blip_captions_as_in_its_library(tmp_path: Path) -> None:
    model, processor = blip(tmp_path, "BlipForConditionalGeneration")
    found = speaking.captioner(str(tmp_path))
    assert found is not None and not found.model.training
    images = torch.rand(2, 3, 40, 50)
    inputs = processor(images=list(images), return_tensors="pt", do_rescale=False)
    ids = model.generate(**inputs, max_new_tokens=6, do_sample=False)
    want = processor.batch_decode(ids, skip_special_tokens=True)
    assert found.describe(images, steps=6) == [text.strip() for text in want]
    with pytest.raises(ValueError, match="0, 1"):
        found.describe(255 * images)


def test_blip_answers_one_question_a_picture(tmp_path: Path) -> None:
    blip(tmp_path, "BlipForQuestionAnswering")
    found = speaking.answerer(str(tmp_path))
    assert found is not None
    images = torch.rand(2, 3, 32, 32)
    assert len(found.answer(images, ["what is there ?", "a red star ?"], steps=4)) == 2
    with pytest.raises(ValueError, match="got 1"):
        found.answer(images, ["what is there ?"])
    with pytest.raises(ValueError, match="one str"):
        found.answer(images, "what is there ?")


def test_llava_reads_the_picture_and_says_only_what_is_new(tmp_path: Path) -> None:
    model, processor = llava(tmp_path)
    found = speaking.assistant(str(tmp_path))
    assert found is not None
    image = torch.rand(1, 3, 32, 32)
    prompt = "USER: <image>\nwhat is there ? ASSISTANT:"
    inputs = processor(images=list(image), text=[prompt], return_tensors="pt", do_rescale=False)
    ids = model.generate(**inputs, max_new_tokens=5, do_sample=False)
    want = processor.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert found.answer(image, ["what is there ?"], steps=5) == [want[0].strip()]
    assert int((inputs["input_ids"] == 4).sum()) == 4  # a token for each patch
    with torch.inference_mode():  # the picture matters
        other = processor(
            images=[torch.zeros(3, 32, 32)], text=[prompt], return_tensors="pt", do_rescale=False
        )
        assert not torch.allclose(model(**inputs).logits, model(**other).logits, atol=1e-4)


def test_whisper_writes_down_what_it_hears(tmp_path: Path) -> None:
    whisper(tmp_path)
    found = speaking.listener(str(tmp_path))
    assert found is not None
    waves = torch.randn(2, 8000)
    texts = found.transcribe(waves, steps=5)
    assert len(texts) == 2 and all(isinstance(text, str) for text in texts)
    with pytest.raises(ValueError, match="waves"):
        found.transcribe(waves[0])


def test_without_files_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("COURSE_DOWNLOAD", raising=False)
    for load in (speaking.captioner, speaking.answerer, speaking.assistant, speaking.listener):
        assert load() is None
        assert len(capsys.readouterr().out.strip().splitlines()) == 1
    blip(tmp_path / "bare", "BlipForConditionalGeneration")
    for file in (tmp_path / "bare").glob("*[rn]_config.json"):
        if "process" in file.name or "tokenizer" in file.name:
            file.unlink()
    (tmp_path / "bare" / "tokenizer.json").unlink()
    assert speaking.captioner(str(tmp_path / "bare")) is None
    assert "processor" in capsys.readouterr().out
