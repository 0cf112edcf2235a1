"""The learning-rate schedule `cosine 10 to=3% -> linear 10 to=40% -> cosine 10 to=77% -> linear
10 to=17% -> cosine 10 to=54% -> linear 10 to=91% -> cosine 10 to=31% -> linear 10 to=68% ->
cosine 10 to=8% -> linear 10 to=45% -> cosine 10 to=82% -> linear 10 to=22% -> cosine 10
to=59% -> linear 10 to=96% -> cosine 10 to=36% -> linear 10 to=73% -> cosine 10 to=13% ->
linear 10 to=50% -> cosine 10 to=87% -> linear 10 to=27% -> cosine 10 to=64% -> linear 10
to=4% -> cosine 10 to=41% -> linear 10 to=78% -> cosine 10 to=18% -> linear 10 to=55% ->
cosine 10 to=92% -> linear 10 to=32% -> cosine 10 to=69% -> linear 10 to=9% -> ...`, with
lr=0.1.
"""

import math


def learning_rate(step: int) -> float:
    """The learning rate that the update after `step` updates uses.

    One step is an optimizer update or an epoch, whichever is counted. The base rate is 0.1. The
    schedule is 420 steps long, then the last rate holds.
    """
    if step < 10:  # cosine 10 to=3%
        progress = step / 10
        return 0.003 + (0.1 - 0.003) * (1 + math.cos(math.pi * progress)) / 2
    if step < 20:  # linear 10 to=40%
        progress = (step - 10) / 10
        return 0.003 + (0.04 - 0.003) * progress
    if step < 30:  # cosine 10 to=77%
        progress = (step - 20) / 10
        return 0.04 + (0.077 - 0.04) * (1 - math.cos(math.pi * progress)) / 2
    if step < 40:  # linear 10 to=17%
        progress = (step - 30) / 10
        return 0.077 + (0.017 - 0.077) * progress
    if step < 50:  # cosine 10 to=54%
        progress = (step - 40) / 10
        return 0.017 + (0.054 - 0.017) * (1 - math.cos(math.pi * progress)) / 2
    if step < 60:  # linear 10 to=91%
        progress = (step - 50) / 10
        return 0.054 + (0.091 - 0.054) * progress
    if step < 70:  # cosine 10 to=31%
        progress = (step - 60) / 10
        return 0.031 + (0.091 - 0.031) * (1 + math.cos(math.pi * progress)) / 2
    if step < 80:  # linear 10 to=68%
        progress = (step - 70) / 10
        return 0.031 + (0.068 - 0.031) * progress
    if step < 90:  # cosine 10 to=8%
        progress = (step - 80) / 10
        return 0.008 + (0.068 - 0.008) * (1 + math.cos(math.pi * progress)) / 2
    if step < 100:  # linear 10 to=45%
        progress = (step - 90) / 10
        return 0.008 + (0.045 - 0.008) * progress
    if step < 110:  # cosine 10 to=82%
        progress = (step - 100) / 10
        return 0.045 + (0.082 - 0.045) * (1 - math.cos(math.pi * progress)) / 2
    if step < 120:  # linear 10 to=22%
        progress = (step - 110) / 10
        return 0.082 + (0.022 - 0.082) * progress
    if step < 130:  # cosine 10 to=59%
        progress = (step - 120) / 10
        return 0.022 + (0.059 - 0.022) * (1 - math.cos(math.pi * progress)) / 2
    if step < 140:  # linear 10 to=96%
        progress = (step - 130) / 10
        return 0.059 + (0.096 - 0.059) * progress
    if step < 150:  # cosine 10 to=36%
        progress = (step - 140) / 10
        return 0.036 + (0.096 - 0.036) * (1 + math.cos(math.pi * progress)) / 2
    if step < 160:  # linear 10 to=73%
        progress = (step - 150) / 10
        return 0.036 + (0.073 - 0.036) * progress
    if step < 170:  # cosine 10 to=13%
        progress = (step - 160) / 10
        return 0.013 + (0.073 - 0.013) * (1 + math.cos(math.pi * progress)) / 2
    if step < 180:  # linear 10 to=50%
        progress = (step - 170) / 10
        return 0.013 + (0.05 - 0.013) * progress
    if step < 190:  # cosine 10 to=87%
        progress = (step - 180) / 10
        return 0.05 + (0.087 - 0.05) * (1 - math.cos(math.pi * progress)) / 2
    if step < 200:  # linear 10 to=27%
        progress = (step - 190) / 10
        return 0.087 + (0.027 - 0.087) * progress
    if step < 210:  # cosine 10 to=64%
        progress = (step - 200) / 10
        return 0.027 + (0.064 - 0.027) * (1 - math.cos(math.pi * progress)) / 2
    if step < 220:  # linear 10 to=4%
        progress = (step - 210) / 10
        return 0.064 + (0.004 - 0.064) * progress
    if step < 230:  # cosine 10 to=41%
        progress = (step - 220) / 10
        return 0.004 + (0.041 - 0.004) * (1 - math.cos(math.pi * progress)) / 2
    if step < 240:  # linear 10 to=78%
        progress = (step - 230) / 10
        return 0.041 + (0.078 - 0.041) * progress
    if step < 250:  # cosine 10 to=18%
        progress = (step - 240) / 10
        return 0.018 + (0.078 - 0.018) * (1 + math.cos(math.pi * progress)) / 2
    if step < 260:  # linear 10 to=55%
        progress = (step - 250) / 10
        return 0.018 + (0.055 - 0.018) * progress
    if step < 270:  # cosine 10 to=92%
        progress = (step - 260) / 10
        return 0.055 + (0.092 - 0.055) * (1 - math.cos(math.pi * progress)) / 2
    if step < 280:  # linear 10 to=32%
        progress = (step - 270) / 10
        return 0.092 + (0.032 - 0.092) * progress
    if step < 290:  # cosine 10 to=69%
        progress = (step - 280) / 10
        return 0.032 + (0.069 - 0.032) * (1 - math.cos(math.pi * progress)) / 2
    if step < 300:  # linear 10 to=9%
        progress = (step - 290) / 10
        return 0.069 + (0.009 - 0.069) * progress
    if step < 310:  # cosine 10 to=46%
        progress = (step - 300) / 10
        return 0.009 + (0.046 - 0.009) * (1 - math.cos(math.pi * progress)) / 2
    if step < 320:  # linear 10 to=83%
        progress = (step - 310) / 10
        return 0.046 + (0.083 - 0.046) * progress
    if step < 330:  # cosine 10 to=23%
        progress = (step - 320) / 10
        return 0.023 + (0.083 - 0.023) * (1 + math.cos(math.pi * progress)) / 2
    if step < 340:  # linear 10 to=60%
        progress = (step - 330) / 10
        return 0.023 + (0.06 - 0.023) * progress
    if step < 350:  # cosine 10 to=97%
        progress = (step - 340) / 10
        return 0.06 + (0.097 - 0.06) * (1 - math.cos(math.pi * progress)) / 2
    if step < 360:  # linear 10 to=37%
        progress = (step - 350) / 10
        return 0.097 + (0.037 - 0.097) * progress
    if step < 370:  # cosine 10 to=74%
        progress = (step - 360) / 10
        return 0.037 + (0.074 - 0.037) * (1 - math.cos(math.pi * progress)) / 2
    if step < 380:  # linear 10 to=14%
        progress = (step - 370) / 10
        return 0.074 + (0.014 - 0.074) * progress
    if step < 390:  # cosine 10 to=51%
        progress = (step - 380) / 10
        return 0.014 + (0.051 - 0.014) * (1 - math.cos(math.pi * progress)) / 2
    if step < 400:  # linear 10 to=88%
        progress = (step - 390) / 10
        return 0.051 + (0.088 - 0.051) * progress
    if step < 410:  # cosine 10 to=28%
        progress = (step - 400) / 10
        return 0.028 + (0.088 - 0.028) * (1 + math.cos(math.pi * progress)) / 2
    if step < 420:  # linear 10 to=65%
        progress = (step - 410) / 10
        return 0.028 + (0.065 - 0.028) * progress
    return 0.065
