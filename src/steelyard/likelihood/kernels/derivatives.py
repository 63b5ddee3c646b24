"""Value, gradient and Hessian of -2 ln L in (kappa_1 .. kappa_M, alpha_1 .. alpha_K), from the sums over events."""

from steelyard.likelihood.kernels.normalisers import fill_curvatures
from steelyard.likelihood.kernels.penalties import penalty
from steelyard.numerics.compilation import compiled, internal


@internal
def expected_events(coefficients, factors):
    """nu(kappa, alpha) = sum of f_c G_c nu_c over the processes of all regions that are not binned."""
    total = 0.0
    for c in range(len(coefficients)):
        total += coefficients[c] * factors.yields[c]
    return total


@internal
def constraint(model, alpha, observed):
    """Sum of what the constraints of the nuisance parameters add to -2 ln L."""
    total = 0.0
    for k in range(len(alpha)):
        if model.measured[k]:
            total += penalty(model.constraints[k], alpha[k], observed[k], model.scales[k])[0]
    return total


@compiled
def fill_gradient(model, coefficients, factors, alpha, observed, processes, terms, gradient):
    """Gradient (P,).

    Args:
        model: :class:`~steelyard.likelihood.compile.CompiledModel`.
        coefficients: (D, R) f_c and derivatives (:func:`~steelyard.model.coefficient_forms.fill_coefficients`).
        factors: :class:`~steelyard.likelihood.kernels.process_factors.Factors` at alpha.
        observed: (K,) global observables.
        processes, terms: (R,) and (T,) sums of w a_c and w a_c s_t.
        gradient: filled.
    """
    nuisances = len(alpha)
    thetas = len(gradient) - nuisances
    for i in range(len(gradient)):
        gradient[i] = 0.0
    for region in range(len(model.binned)):
        for c in range(model.rows[region], model.rows[region + 1]):
            f = coefficients[0, c]
            for m in range(thetas):
                gradient[m] += coefficients[1 + m, c] * (factors.yields[c] - processes[c])
            for index in range(model.first_acting[region], model.first_acting[region + 1]):
                k = model.acting[index]
                gradient[thetas + k] += f * (
                    factors.yields[c] * factors.yields_first[c, k] - processes[c] * factors.rates_first[c, k]
                )
            for t in range(model.first[c], model.first[c + 1]):
                gradient[thetas + model.nuisance[t]] -= f * terms[t]
    for k in range(nuisances):
        if model.measured[k]:
            slope = penalty(model.constraints[k], alpha[k], observed[k], model.scales[k])[1]
            gradient[thetas + k] += 0.5 * slope
    for i in range(len(gradient)):
        gradient[i] *= 2.0


@compiled
def fill_hessian(model, coefficients, factors, alpha, observed, moments, hessian):
    """Hessian (P, P), symmetric; arguments as of :func:`fill_gradient`."""
    nuisances = len(alpha)
    thetas = len(hessian) - nuisances
    fill_curvatures(model, factors.joint, factors.curvatures)
    for i in range(len(hessian)):
        for j in range(len(hessian)):
            hessian[i, j] = 0.0
    factors.crossed[:] = 0.0
    for region in range(len(model.binned)):
        _add_region(model, region, thetas, coefficients, factors, moments, hessian)
    for k in range(nuisances):
        if model.measured[k]:
            bend = penalty(model.constraints[k], alpha[k], observed[k], model.scales[k])[2]
            hessian[thetas + k, thetas + k] += 0.5 * bend
    for m in range(thetas):
        for i in range(m, len(hessian)):
            hessian[m, i] *= 2.0
            hessian[i, m] = hessian[m, i]
    crossed = factors.crossed
    for k in range(nuisances):
        for m in range(k, nuisances):
            hessian[thetas + k, thetas + m] = 2.0 * (hessian[thetas + k, thetas + m] + crossed[k, m] + crossed[m, k])
            hessian[thetas + m, thetas + k] = hessian[thetas + k, thetas + m]


@internal
def _add_region(model, region, thetas, coefficients, factors, moments, hessian):
    """Add half of what a region adds, of nuisance parameters on and above the diagonal."""
    f, begin, end = coefficients[0], model.rows[region], model.rows[region + 1]
    low, high = model.first_acting[region], model.first_acting[region + 1]
    shape_low = model.first_shape[region]
    shapes = model.first_shape[region + 1] - shape_low
    # f_c dlnH_c/dalpha_k, its product with the processes' pairs, and products of first derivatives in row and column,
    # which stand here once for both orders.
    mixed, folded, crossed = factors.mixed, factors.folded, factors.crossed
    for c in range(begin, end):
        for index in range(low, high):
            k = model.acting[index]
            mixed[c, k], folded[c, k] = f[c] * factors.rates_first[c, k], 0.0
    for c in range(begin, end):
        for other in range(begin, end):
            pair = moments.process_pairs[c, other - begin]
            for index in range(low, high):
                k = model.acting[index]
                folded[c, k] += pair * mixed[other, k]
    for c in range(begin, end):
        sums, yields = moments.processes[c], factors.yields[c]
        first, first_yields = factors.rates_first[c], factors.yields_first[c]
        row = 1 + thetas
        for m in range(thetas):
            for n in range(m, thetas):
                hessian[m, n] += coefficients[row, c] * (yields - sums)
                row += 1
                for other in range(begin, end):
                    pair = moments.process_pairs[c, other - begin]
                    hessian[m, n] += coefficients[1 + m, c] * coefficients[1 + n, other] * pair
        for index in range(low, high):
            k = model.acting[index]
            for m in range(thetas):
                slope = coefficients[1 + m, c]
                hessian[m, thetas + k] += slope * (yields * first_yields[k] - first[k] * sums + folded[c, k])
            at = thetas + k
            hessian[at, at] += f[c] * (yields * factors.yields_second[c, k] - factors.rates_second[c, k] * sums)
            hessian[at, at] += mixed[c, k] * folded[c, k]
            for following in range(index + 1, high):
                m = model.acting[following]
                hessian[at, thetas + m] += (
                    f[c] * (yields * first_yields[k] * first_yields[m] - first[k] * first[m] * sums)
                    + mixed[c, k] * folded[c, m]
                )
        for j in range(shapes):
            pair, own = moments.process_shapes[c, j], model.shapes[shape_low + j]
            for m in range(thetas):
                hessian[m, thetas + own] += coefficients[1 + m, c] * pair
            for index in range(low, high):
                k = model.acting[index]
                crossed[own, k] += pair * mixed[c, k]
        start, stop = model.first[c], model.first[c + 1]
        for t in range(start, stop):
            own = model.nuisance[t]
            for m in range(thetas):
                hessian[m, thetas + own] -= coefficients[1 + m, c] * moments.terms[t]
            for index in range(low, high):
                k = model.acting[index]
                crossed[own, k] -= moments.terms[t] * mixed[c, k]
            hessian[thetas + own, thetas + own] -= f[c] * moments.term_seconds[t]
            for other in range(t, stop):
                k, m = _ordered(own, model.nuisance[other])
                hessian[thetas + k, thetas + m] += f[c] * sums * factors.curvatures[c, t - start, other - start]
            for other in range(t + 1, stop):
                k, m = _ordered(own, model.nuisance[other])
                hessian[thetas + k, thetas + m] -= f[c] * moments.term_pairs[t, other - start]
    for j in range(shapes):
        row = thetas + model.shapes[shape_low + j]
        for m in range(j, shapes):
            hessian[row, thetas + model.shapes[shape_low + m]] += moments.shape_pairs[region, j, m]


@internal
def _ordered(one, other):
    """The smaller number first: a region may have its parameters in another order than the model."""
    return (one, other) if one < other else (other, one)
