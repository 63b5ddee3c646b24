"""Value, gradient and Hessian of -2 ln L in (kappa, alpha_1 .. alpha_K), from the sums over events."""

from steelyard.likelihood.kernels.normalisers import fill_curvatures
from steelyard.numerics.compilation import compiled, internal


@internal
def expected_events(fractions, factors):
    """nu(kappa, alpha) = sum of f_c G_c nu_c."""
    total = 0.0
    for c in range(len(fractions)):
        total += fractions[c] * factors.yields[c]
    return total


@internal
def constraint(effects, alpha, observed):
    """Sum of (alpha_k - a_k)^2 over the constrained nuisance parameters."""
    total = 0.0
    for k in range(len(alpha)):
        if effects.constrained[k]:
            total += (alpha[k] - observed[k]) ** 2
    return total


@compiled
def fill_gradient(effects, fractions, factors, alpha, observed, processes, terms, gradient):
    """Gradient (1 + K,).

    Args:
        fractions: (2 or 3, C) f_c and derivatives in kappa.
        factors: :class:`Factors` at alpha.
        observed: (K,) global observables.
        processes, terms: (C,) and (T,) sums of w a_c and w a_c s_t.
        gradient: filled.
    """
    nuisances = len(alpha)
    gradient[:] = 0.0
    for c in range(len(effects.yields)):
        f, slope = fractions[0, c], fractions[1, c]
        gradient[0] += slope * (factors.yields[c] - processes[c])
        for k in range(nuisances):
            gradient[1 + k] += f * (
                factors.yields[c] * factors.yields_first[c, k] - processes[c] * factors.rates_first[c, k]
            )
        for t in range(effects.first[c], effects.first[c + 1]):
            gradient[1 + effects.nuisance[t]] -= f * terms[t]
    for k in range(nuisances):
        if effects.constrained[k]:
            gradient[1 + k] += alpha[k] - observed[k]
    for i in range(len(gradient)):
        gradient[i] *= 2.0


@compiled
def fill_hessian(effects, fractions, factors, moments, hessian):
    """Hessian (1 + K, 1 + K), symmetric; ``fractions`` (3, C)."""
    processes, nuisances = effects.touched.shape
    f, f1, f2 = fractions[0], fractions[1], fractions[2]
    shapes = effects.shapes
    # f_c dlnH_c/dalpha_k, its product with the processes' pairs, and products of first derivatives in row and column,
    # which stand here once for both orders.
    mixed, folded, crossed = factors.mixed, factors.folded, factors.crossed
    fill_curvatures(effects, factors.joint, factors.curvatures)
    hessian[:] = 0.0
    crossed[:] = 0.0
    for c in range(processes):
        for k in range(nuisances):
            mixed[c, k], folded[c, k] = f[c] * factors.rates_first[c, k], 0.0
    for c in range(processes):
        for other in range(processes):
            pair = moments.process_pairs[c, other]
            for k in range(nuisances):
                folded[c, k] += pair * mixed[other, k]
    for c in range(processes):
        sums, yields = moments.processes[c], factors.yields[c]
        first, first_yields = factors.rates_first[c], factors.yields_first[c]
        hessian[0, 0] += f2[c] * (yields - sums)
        for other in range(processes):
            hessian[0, 0] += f1[c] * f1[other] * moments.process_pairs[c, other]
        for k in range(nuisances):
            hessian[0, 1 + k] += f1[c] * (yields * first_yields[k] - first[k] * sums + folded[c, k])
            hessian[1 + k, 1 + k] += f[c] * (yields * factors.yields_second[c, k] - factors.rates_second[c, k] * sums)
            hessian[1 + k, 1 + k] += mixed[c, k] * folded[c, k]
            for m in range(k + 1, nuisances):
                hessian[1 + k, 1 + m] += (
                    f[c] * (yields * first_yields[k] * first_yields[m] - first[k] * first[m] * sums)
                    + mixed[c, k] * folded[c, m]
                )
        for j in range(len(shapes)):
            pair = moments.process_shapes[c, j]
            hessian[0, 1 + shapes[j]] += f1[c] * pair
            for k in range(nuisances):
                crossed[shapes[j], k] += pair * mixed[c, k]
        start, stop = effects.first[c], effects.first[c + 1]
        for t in range(start, stop):
            own = effects.nuisance[t]
            hessian[0, 1 + own] -= f1[c] * moments.terms[t]
            for k in range(nuisances):
                crossed[own, k] -= moments.terms[t] * mixed[c, k]
            hessian[1 + own, 1 + own] -= f[c] * moments.term_seconds[t]
            for other in range(t, stop):
                hessian[1 + own, 1 + effects.nuisance[other]] += (
                    f[c] * sums * factors.curvatures[c, t - start, other - start]
                )
            for other in range(t + 1, stop):
                hessian[1 + own, 1 + effects.nuisance[other]] -= f[c] * moments.term_pairs[t, other - start]
    for j in range(len(shapes)):
        for m in range(j, len(shapes)):
            hessian[1 + shapes[j], 1 + shapes[m]] += moments.shape_pairs[j, m]
    for k in range(nuisances):
        if effects.constrained[k]:
            hessian[1 + k, 1 + k] += 1.0
    for i in range(1 + nuisances):
        hessian[0, i] *= 2.0
        hessian[i, 0] = hessian[0, i]
    for k in range(nuisances):
        for m in range(k, nuisances):
            hessian[1 + k, 1 + m] = 2.0 * (hessian[1 + k, 1 + m] + crossed[k, m] + crossed[m, k])
            hessian[1 + m, 1 + k] = hessian[1 + k, 1 + m]
