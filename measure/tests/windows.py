"""Golden values of windows.rs, by numpy, scipy and pandas, written from the papers' definitions and not from the Rust code.

python3 -m venv /tmp/v && /tmp/v/bin/pip install numpy scipy pandas && /tmp/v/bin/python windows.py
Last run: numpy 2.4, scipy 1.17, pandas 2.3.
"""
import datetime, itertools, math
import numpy as np, pandas as pd
from scipy import stats

x = np.modf(np.arange(1, 301) * 0.6180339887498949)[0]
rows = [0, 1, 9, 99, 299]
show = lambda name, values: print(name, [float(values[row]) for row in rows])


# Shin, Ramdas, Rinaldo (2023), definition of the Shiryaev-Roberts e-detector: the sum over all starts of the wealth since then.
def e_detector(x, m):
    bets = np.array([.02, .05, .1, .2, .4, .8])
    total = []
    for t in range(1, len(x) + 1):
        wealth = [np.prod(1 + bet * (x[start:t] - m)) for bet in [*bets / m, *-bets / (1 - m)] for start in range(t)]
        total.append(sum(wealth) / 12)
    return total


# Waudby-Smith and Ramdas (2024), theorem 2, with running intersections.
def empirical_bernstein(x, alpha):
    t = np.arange(1, len(x) + 1)
    mu = (.5 + np.cumsum(x)) / (t + 1)
    variance = (.25 + np.cumsum((x - mu) ** 2)) / (t + 1)
    mu_before, variance_before = np.append(.5, mu[:-1]), np.append(.25, variance[:-1])
    bet = np.minimum(np.sqrt(2 * np.log(2 / alpha) / (variance_before * t * np.log(1 + t))), .5)
    psi = (-np.log(1 - bet) - bet) / 4
    centre = np.cumsum(bet * x) / np.cumsum(bet)
    half = (np.log(2 / alpha) + np.cumsum(4 * (x - mu_before) ** 2 * psi)) / np.cumsum(bet)
    return np.maximum.accumulate(np.maximum(centre - half, 0)), np.minimum.accumulate(np.minimum(centre + half, 1))


# Wang and others (2011), every distribution that was seen, five bins, a prior of one row spread over them.
def relative_entropy(x, window, refractory):
    bins = np.clip(np.ceil(x * 5) - 1, 0, 4).astype(int)
    limit, seen, told, out = stats.chi2.ppf(.99, 4), [], [], []
    for t in range(len(x)):
        out.append(0.0)
        if t + 1 < window:
            continue
        now = (np.bincount(bins[t + 1 - window:t + 1], minlength=5) + .2) / (window + 1)
        least = min((2 * window * stats.entropy(now, other) for other in seen), default=math.inf)
        if least > limit:
            seen.append(now)
            score = 0 if math.isinf(least) else least
            if all(score > other for row, other in told if row + refractory >= t):
                out[-1] = score
            if score > 0:
                told.append((t, score))
    return out


def robust(history, value):
    median = np.median(history)
    return (value - median) / (1.4826 * max(stats.median_abs_deviation(history), 1e-9, .01 * abs(median)))


def seasonal_z(x, start):
    stamps = [datetime.datetime.fromtimestamp(start + 3600 * i, datetime.timezone.utc) for i in range(len(x))]
    out = []
    for i, now in enumerate(stamps):
        same = [j for j in range(i) if (stamps[j].weekday(), stamps[j].hour) == (now.weekday(), now.hour)]
        out.append(robust(x[same], x[i]) if len(same) >= 3 else math.nan)
    return out


def cusum(x, warm_up, k):
    z = (x - x[:warm_up].mean()) / x[:warm_up].std(ddof=1)
    # The largest sum of a run that ends here, by hand.
    best = lambda z, t: max(0, *(np.sum(z[start:t + 1] - k) for start in range(warm_up, t + 1)))
    pick = lambda t: best(z, t) if best(z, t) >= best(-z, t) else -best(-z, t)
    return [math.nan if t < warm_up else pick(t) for t in range(len(x))]


def gap(values, split):
    means = [np.mean(part) for part in np.split(np.array(values), split)]
    return max(means) - min(means)


# Every way to deal eight rows out to groups of three, three and two.
def disparity():
    values, split = [.1, .9, .4, .8, .95, .7, .2, .3], [3, 6]
    dealt = [gap(order, split) for order in itertools.permutations(values)]
    observed = gap(values, split)
    return observed, observed - np.mean(dealt), np.mean(np.array(dealt) >= observed - 1e-12)


# The kernel that random features approximate, itself: the mean of three Gaussian ones of direction and log length.
def mmd():
    cloud = lambda n, turn: np.array([[math.sin(1.7 * i), math.cos(2.3 * i), turn] for i in range(1, n + 1)])
    def points(v):
        length = np.linalg.norm(v, axis=1, keepdims=True)
        return np.hstack([v / length, np.log(length)])
    a, b = points(cloud(100, 0.0)), points(cloud(80, 1.5))
    def kernel(p, q):
        square = ((p[:, None] - q[None]) ** 2).sum(-1)
        return np.mean([np.exp(-square / (2 * width ** 2)) for width in (.5, 1, 2)], axis=0).mean()
    return math.sqrt(kernel(a, a) + kernel(b, b) - 2 * kernel(a, b))


steps = np.concatenate([x[:150] * .5, x[150:] * .5 + .5])
show("e_detector(steps, .3)", e_detector(steps, .3))
low, high = empirical_bernstein(x, .05)
show("empirical_bernstein low", low)
show("empirical_bernstein high", high)
entropy = relative_entropy(steps, 40, 60)
print("relative_entropy(steps, 40, 60)", [(i, float(e)) for i, e in enumerate(entropy) if e > 0])
show("robust_z", [math.nan] + [robust(x[:i], x[i]) for i in range(1, 300)])
show("ewma .3", pd.Series(x).ewm(alpha=.3, adjust=False).mean().to_numpy())
show("cusum 20 .5", cusum(x, 20, .5))
hours = np.modf(np.arange(1, 901) * 0.6180339887498949)[0]
z = seasonal_z(hours, 1795262400)
print("seasonal_z", sum(not math.isnan(v) for v in z), [float(z[row]) for row in [503, 504, 600, 899]])
print("disparity", [float(v) for v in disparity()])
print("mmd", mmd())
