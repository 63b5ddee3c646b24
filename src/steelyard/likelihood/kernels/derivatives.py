"""Value, gradient and Hessian of -2 ln L in (kappa_1 .. kappa_M, alpha_1 .. alpha_K), from the sums over events."""

from steelyard.likelihood.kernels.normalisers import fill_curvatures
from steelyard.likelihood.kernels.penalties import penalty
from steelyard.numerics.compilation import internal


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


@internal
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
        low, high = model.first_acting[region], model.first_acting[region + 1]
        for c in range(model.rows[region], model.rows[region + 1]):
            f = coefficients[0, c]
            for m in range(thetas):
                gradient[m] += coefficients[1 + m, c] * (factors.yields[c] - processes[c])
            for k in range(high - low):
                gradient[thetas + model.acting[low + k]] += f * (
                    factors.yields[c] * factors.yields_first[c, k] - processes[c] * factors.events_first[c, k]
                )
            for t in range(model.first[c], model.first[c + 1]):
                gradient[thetas + model.nuisance[t]] -= f * terms[t]
    for k in range(nuisances):
        if model.measured[k]:
            slope = penalty(model.constraints[k], alpha[k], observed[k], model.scales[k])[1]
            gradient[thetas + k] += 0.5 * slope
    for i in range(len(gradient)):
        gradient[i] *= 2.0


@internal
def fill_hessian(model, coefficients, factors, alpha, observed, moments, hessian):
    """Hessian (P, P), symmetric; arguments as of :func:`fill_gradient`."""
    nuisances = len(alpha)
    thetas = len(hessian) - nuisances
    fill_curvatures(model, factors.joint, factors.curvatures)
    for i in range(len(hessian)):
        for j in range(len(hessian)):
            hessian[i, j] = 0.0
    for region in range(len(model.binned)):
        _add_region(model, region, thetas, coefficients, factors, moments, hessian)
    for k in range(nuisances):
        if model.measured[k]:
            bend = penalty(model.constraints[k], alpha[k], observed[k], model.scales[k])[2]
            hessian[thetas + k, thetas + k] += 0.5 * bend
    for i in range(len(hessian)):
        for j in range(i, len(hessian)):
            hessian[i, j] *= 2.0
            hessian[j, i] = hessian[i, j]


@internal
def _add_region(model, region, thetas, coefficients, factors, moments, hessian):
    """Add half of what a region adds, on and above the diagonal."""
    f, begin, end = coefficients[0], model.rows[region], model.rows[region + 1]
    acting = model.first_acting[region]
    nuisances = model.first_acting[region + 1] - acting
    shape_low = model.first_shape[region]
    shapes = model.first_shape[region + 1] - shape_low
    # f_c dlnH_c/dalpha_k, its product with the processes' pairs, and products of first derivatives in row and column,
    # which stand here once for both orders; the second derivatives by two nuisance parameters of the region.
    mixed, folded, crossed, own = factors.mixed, factors.folded, factors.crossed, factors.own
    for k in range(nuisances):
        for m in range(nuisances):
            crossed[k, m] = own[k, m] = 0.0
    for c in range(begin, end):
        for k in range(nuisances):
            mixed[c, k], folded[c, k] = f[c] * factors.events_first[c, k], 0.0
    for c in range(begin, end):
        for other in range(begin, end):
            pair = moments.process_pairs[c, other - begin]
            for k in range(nuisances):
                folded[c, k] += pair * mixed[other, k]
    for c in range(begin, end):
        sums, yields = moments.processes[c], factors.yields[c]
        first, first_yields = factors.events_first[c], factors.yields_first[c]
        row = 1 + thetas
        for m in range(thetas):
            slope = coefficients[1 + m, c]
            for n in range(m, thetas):
                hessian[m, n] += coefficients[row, c] * (yields - sums)
                row += 1
                for other in range(begin, end):
                    hessian[m, n] += slope * coefficients[1 + n, other] * moments.process_pairs[c, other - begin]
            for k in range(nuisances):
                hessian[m, thetas + model.acting[acting + k]] += slope * (
                    yields * first_yields[k] - first[k] * sums + folded[c, k]
                )
        for k in range(nuisances):
            own[k, k] += f[c] * (yields * factors.yields_second[c, k] - factors.events_second[c, k] * sums)
            own[k, k] += mixed[c, k] * folded[c, k]
            for m in range(k + 1, nuisances):
                own[k, m] += (
                    f[c] * (yields * first_yields[k] * first_yields[m] - first[k] * first[m] * sums)
                    + mixed[c, k] * folded[c, m]
                )
        for j in range(shapes):
            pair, shaped = moments.process_shapes[c, j], model.shapes[shape_low + j]
            for m in range(thetas):
                hessian[m, thetas + model.acting[acting + shaped]] += coefficients[1 + m, c] * pair
            for k in range(nuisances):
                crossed[shaped, k] += pair * mixed[c, k]
        start, stop = model.first[c], model.first[c + 1]
        for t in range(start, stop):
            shaped = model.own[t]
            for m in range(thetas):
                hessian[m, thetas + model.nuisance[t]] -= coefficients[1 + m, c] * moments.terms[t]
            for k in range(nuisances):
                crossed[shaped, k] -= moments.terms[t] * mixed[c, k]
            own[shaped, shaped] -= f[c] * moments.term_seconds[t]
            for other in range(t, stop):
                own[shaped, model.own[other]] += f[c] * sums * factors.curvatures[c, t - start, other - start]
            for other in range(t + 1, stop):
                own[shaped, model.own[other]] -= f[c] * moments.term_pairs[t, other - start]
    for j in range(shapes):
        for m in range(j, shapes):
            own[model.shapes[shape_low + j], model.shapes[shape_low + m]] += moments.shape_pairs[region, j, m]
    for k in range(nuisances):
        row = thetas + model.acting[acting + k]
        for m in range(k, nuisances):
            column = thetas + model.acting[acting + m]
            value = own[k, m] + crossed[k, m] + crossed[m, k]
            if row <= column:  # a region may have its parameters in another order than the model
                hessian[row, column] += value
            else:
                hessian[column, row] += value
