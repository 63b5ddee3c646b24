"""Names, ranges and numbers of the embedded analysis. Masses and energies in GeV, angles in radians."""

import math

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

LARGEST_ANGLE = math.nextafter(math.pi, 0.0)
