"""Names, ranges and numbers of the embedded analysis. Masses and energies in GeV, angles in radians."""

OBSERVABLES = ("m4l", "mZ1", "mZ2", "cosThetaStar", "cosTheta1", "cosTheta2", "Phi", "Phi1")
"""The eight observables, in the order of every array of kinematics."""

PROCESSES = ("S", "SBI", "B", "NI")
"""gg→H*→ZZ alone, gg→(H*→)ZZ with interference at mu = 1, gg→ZZ without the Higgs, qq→ZZ."""

SAMPLES = {"gg": ("S", "SBI", "B"), "qqZZ": ("NI",)}
"""Simulated samples and the processes whose weights their events carry."""

PARAMETERS = ("mu",)
"""The signal strength: the amplitude of H* exchange is multiplied by its square root."""

M4L_RANGE = (220.0, 1500.0)
MZ_RANGE = (60.0, 120.0)

Z_MASS, Z_WIDTH = 91.1876, 2.4952
H_MASS, H_WIDTH = 125.0, 4.07e-3
TOP_MASS = 172.5
VACUUM = 246.22
WEAK_ANGLE = 0.2312
"""sin² of the weak mixing angle."""

COUPLING_LEFT, COUPLING_RIGHT = WEAK_ANGLE - 0.5, WEAK_ANGLE
"""Z couplings to charged leptons of negative and positive helicity (up to a common factor)."""

BOX_STRENGTH, BOX_PHASE = 9.9, 0.35
"""Modulus (in units of mZ²/v²) and phase of the transverse box amplitude L."""

BOX_SCALE = 600.0
"""The J=0 transverse box amplitude falls as 1/(1 + s/BOX_SCALE²)."""

BOX_SHAPE, QUARK_SHAPE = 0.92, 0.96
"""Coefficients of β²cos²θ* in the t-channel denominators of gg→ZZ (J=2) and qq→ZZ."""

QUARK_PLANES = 0.15
"""Coefficient of cos2Φ sin²θ1 sin²θ2 in qq→ZZ."""

YIELD_BOX, YIELD_QUARK = 170.0, 900.0
"""Expected events of B and NI for 140/fb, fixed; those of S and SBI follow from the ratio of integrals."""

TREE = "events"
"""Tree of the nominal events, and of observed data."""

TREES = {TREE: 0.0, "events_lepton_scale_up": 1.0, "events_lepton_scale_down": -1.0}
"""Trees of a simulated sample and the lepton_scale at which their masses are seen."""

SYSTEMATICS = ("lumi", "qqZZ_norm", "gg_scale", "qqZZ_angle", "lepton_scale")
"""Nuisance parameters: luminosity; normalisation of NI; m4l shape of S, SBI and B; cosθ* shape of NI; scale of the
three masses."""

FACTORS = {"gg": "gg_scale", "qqZZ": "qqZZ_angle"}
"""The systematic whose event-weight factors at ±1σ the trees of a sample carry, at the true kinematics."""

LUMI_FACTOR, QUARK_FACTOR = 1.017, 1.05
"""Yield factors of lumi (all processes) and qqZZ_norm (NI) at +1σ, to the power of the parameter elsewhere."""

GLUON_SHAPE_OFFSET, GLUON_SHAPE_SLOPE, GLUON_SHAPE_MASS = 0.10, 0.10, 300.0
"""gg_scale: log of the factor at +1σ is offset + slope·ln(m4l/mass)."""

QUARK_SHAPE_SIZE = 0.06
"""qqZZ_angle: log of the factor at +1σ is size·(3cos²θ* − 1)/2."""

LEPTON_SCALE = 0.005
"""lepton_scale: the three masses are seen multiplied by 1 + LEPTON_SCALE·α."""

GENERATED_ALPHA = 5.0
"""Samples are generated in a region so wide that the masses scaled by any |lepton_scale| up to this fill the selected
region."""

LARGEST_ALPHA = 10.0
"""No nuisance parameter may be further from 0."""
