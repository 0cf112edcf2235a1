"""Published schedules as lines, each with its source."""

from __future__ import annotations

from typing import NamedTuple

from schedlang.errors import did_you_mean, quoted
from schedlang.schedule import Schedule, parse


class Preset(NamedTuple):
    """A published schedule.

    Attributes:
        line: the schedule, with the base rate and the length of the published run.
        what: what was trained with it, and the settings that the line leaves open.
        source: the source of its numbers.
        checked: the text with which its numbers were compared.
    """

    line: str
    what: str
    source: str
    checked: str


PRESETS: dict[str, Preset] = {
    "bert": Preset(
        "lr=1e-4 total=1M st | warmup 10k st from=0 -> linear 1M st skip=10k st",
        "BERT, pre-training; the decay is measured from 0, and the warm-up replaces its beginning",
        "Devlin et al. 2018, appendix A.2; google-research/bert optimization.py",
        "optimization.py in google-research/bert; appendix A.2 in public copies of the paper",
    ),
    "cifar10-dawnbench": Preset(
        "lr=0.4 clock=step total=24ep | linear 5ep from=0 to=1x -> linear rest",
        "ResNet-9 on CIFAR-10 in 24 epochs, batch 512; set steps_per_epoch (97 there)",
        "davidcpage/cifar10-fast dawn.py",
        "dawn.py in davidcpage/cifar10-fast",
    ),
    "deeplab": Preset(
        "lr=0.007 total=30k st | poly rest power=0.9",
        "DeepLab v3 on PASCAL VOC 2012, its first stage (trainaug)",
        "Chen et al. 2017 (Rethinking Atrous Convolution), section 4.1; tensorflow/models deeplab",
        "train.py in tensorflow/models; section 4.1 in public copies of the paper",
    ),
    "deepseek-llm-7b": Preset(
        "lr=4.2e-4 total=2T tok tokens_per_step=9437184 |"
        " warmup 2000st from=0 -> piecewise at=[80%, 90%] values=[1, 0.316, 0.1]x",
        "DeepSeek LLM 7B, batch 2304 of 4096 tokens",
        "DeepSeek-AI 2024 (DeepSeek LLM), section 2.3; deepseek-ai/DeepSeek-LLM README",
        "copies of the README; section 2.3 in public copies of the paper",
    ),
    "deepseek-v3": Preset(
        "lr=2.2e-4 | warmup 2000st from=0 -> hold until 10T tok -> cosine 4.3T tok min=2.2e-5"
        " -> hold 333B tok -> hold 167B tok to=7.3e-6",
        "DeepSeek-V3, 14.8T tokens; set tokens_per_step (the batch grew to 15360 of 4096 tokens)",
        "DeepSeek-AI 2024 (DeepSeek-V3), section 4.2",
        "the paper's text of section 4.2, in public copies",
    ),
    "deit": Preset(
        "lr=1e-3 clock=epoch total=300ep | warmup 5ep from=1e-6 -> cosine 300ep min=1e-5 skip=5ep",
        "DeiT on ImageNet, batch 1024 (the base rate is 5e-4 times batch/512);"
        " main.py uses each rate an epoch later",
        "Touvron et al. 2021, table 9; facebookresearch/deit main.py; timm's CosineLRScheduler",
        "main.py and README.md in facebookresearch/deit",
    ),
    "detr": Preset(
        "lr=1e-4 clock=epoch total=300ep | multistep at=[200]ep gamma=0.1",
        "DETR on COCO; the backbone has the base rate 1e-5",
        "Carion et al. 2020, section 4; facebookresearch/detr main.py",
        "main.py in facebookresearch/detr, in a copy with the published settings",
    ),
    "efficientnet": Preset(
        "lr=0.256 clock=step total=350ep |"
        " warmup 5ep from=0 -> step every=2.4ep gamma=0.97 skip=5ep",
        "EfficientNet on ImageNet, batch 4096; set steps_per_epoch",
        "Tan & Le 2019, section 5.2; tensorflow/tpu efficientnet/main.py and utils.py",
        "main.py and utils.py in tensorflow/tpu; section 5.2 in public copies",
    ),
    "gpt3": Preset(
        "lr=6e-5 total=300B tok | warmup 375M tok from=0 -> cosine until 260B tok min=10% -> hold",
        "GPT-3 175B; set tokens_per_step (3.2M, after a ramp of the batch)",
        "Brown et al. 2020, table 2.1 and appendix B",
        "table 2.1 and appendix B in public copies of the paper",
    ),
    "llama2-7b": Preset(
        "lr=3e-4 total=2T tok tokens_per_step=4M | warmup 2000st from=0 -> cosine rest min=10%",
        "Llama 2 7B and 13B; 34B and 70B have the base rate 1.5e-4",
        "Touvron et al. 2023 (Llama 2), section 2.2 and table 1",
        "section 2.2 and table 1 in public copies of the paper",
    ),
    "llama3-405b": Preset(
        "lr=8e-5 total=1.2M st | warmup 8000st from=0 -> cosine rest min=8e-7",
        "Llama 3 405B",
        "Llama team 2024 (The Llama 3 Herd of Models), section 3.4.1",
        "section 3.4.1 in public copies of the paper",
    ),
    "mask-rcnn-1x": Preset(
        "lr=0.02 total=90k st | warmup 1000st from=0.001x -> multistep at=[60k, 80k]st gamma=0.1",
        "Mask R-CNN with FPN on COCO, batch 16",
        "facebookresearch/detectron2 configs/Base-RCNN-FPN.yaml and config/defaults.py",
        "both files in facebookresearch/detectron2",
    ),
    "minicpm": Preset(
        "lr=0.01 clock=step | warmup 1% from=0 -> hold rest -> exp 10% gamma=0.5 every=5000st",
        "MiniCPM's warm-up, stable, decay, which halves every 5000 updates; the length of the"
        " warm-up is ours; set total",
        "Hu et al. 2024 (MiniCPM), sections 4.2, 4.3 and 6.2",
        "section 6.2 in public copies of the paper; the length of the warm-up is not in it",
    ),
    "nanogpt": Preset(
        "lr=6e-4 total=600k st | warmup 2000st from=1/2001x -> cosine rest min=6e-5",
        "nanoGPT, GPT-2 124M",
        "karpathy/nanoGPT config/train_gpt2.py and train.py (since December 2024)",
        "both files in karpathy/nanoGPT, at 3adf61e",
    ),
    "one-cycle": Preset(
        "cosine 25% from=4% to=1x -> cosine rest to=1e-5x",
        "fastai's fit_one_cycle; set lr to its lr_max, and total",
        "fastai/fastai fastai/callback/schedule.py, after Smith & Topin 2018",
        "schedule.py in fastai/fastai",
    ),
    "pythia-1b": Preset(
        "lr=2.5e-4 total=143k st |"
        " warmup 1430st from=0 -> fn rest {max(0.1, (1 + cos(pi * t / 143000)) / 2)}",
        "Pythia 1B, as GPT-NeoX was then: a cosine to 0 over the whole run, cut off at min_lr",
        "EleutherAI/gpt-neox configs/pythia/1B.yml and megatron/learning_rates.py",
        "1B.yml there and in EleutherAI/pythia; learning_rates.py at 0535bfb, pull request 1008",
    ),
    "resnet50": Preset(
        "lr=0.1 clock=epoch total=90ep | step every=30ep gamma=0.1",
        "ResNet-50 on ImageNet, batch 256",
        "pytorch/examples imagenet/main.py, after He et al. 2015",
        "main.py in pytorch/examples",
    ),
    "sgdr": Preset(
        "lr=0.05 clock=step | restarts first=10ep mult=2 cycles=4",
        "SGDR: cycles of 10, 20, 40 and 80 epochs, in a run of 200; set steps_per_epoch (781)",
        "Loshchilov & Hutter 2017, section 4.1; loshchil/SGDR SGDR_WRNs.py",
        "SGDR_WRNs.py in loshchil/SGDR, scenario 6",
    ),
    "t5": Preset(
        "lr=0.01 total=524288st | hold 10k st -> inverse_sqrt timescale=10k st",
        "T5, pre-training",
        "Raffel et al. 2020, section 3.1.2; google-research/text-to-text-transfer-transformer",
        "rsqrt_no_ramp_down.gin, and tensorflow/mesh; the steps in public copies of the paper",
    ),
    "transformer": Preset(
        "lr=6.987712429686844e-4 total=100k st |"
        " warmup 3999st from=1/4000x -> inverse_sqrt timescale=4000st",
        "the base Transformer (noam): d_model 512, warm-up of 4000 updates",
        "Vaswani et al. 2017, section 5.3, equation 3",
        "section 5.3 as quoted in harvardnlp/annotated-transformer, and its code",
    ),
}
"""The schedules by their names."""


def preset(name: str) -> Schedule:
    """A published schedule; `PRESETS` has its source.

    Raises:
        ValueError: if there is no preset of this name.

    >>> str(preset("resnet50"))
    'lr=0.1 total=90ep clock=epoch | step every=30ep'
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {quoted(name)}: {did_you_mean(name, PRESETS)}")
    return parse(PRESETS[name].line)
