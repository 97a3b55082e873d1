"""The specification's architectures as libseccomp's tokens: AUDIT_ARCH_* of linux/audit.h, but for x32."""

from __future__ import annotations

_64BIT = 0x8000_0000
_LITTLE = 0x4000_0000
_MIPS64_N32 = 0x2000_0000

# ELF machine numbers (linux/elf-em.h) with these flags
TOKENS: dict[str, int] = {
    "SCMP_ARCH_X86": 3 | _LITTLE,
    "SCMP_ARCH_X86_64": 62 | _64BIT | _LITTLE,
    "SCMP_ARCH_X32": 62 | _LITTLE,
    "SCMP_ARCH_ARM": 40 | _LITTLE,
    "SCMP_ARCH_AARCH64": 183 | _64BIT | _LITTLE,
    "SCMP_ARCH_LOONGARCH64": 258 | _64BIT | _LITTLE,
    "SCMP_ARCH_M68K": 4,
    "SCMP_ARCH_MIPS": 8,
    "SCMP_ARCH_MIPS64": 8 | _64BIT,
    "SCMP_ARCH_MIPS64N32": 8 | _64BIT | _MIPS64_N32,
    "SCMP_ARCH_MIPSEL": 8 | _LITTLE,
    "SCMP_ARCH_MIPSEL64": 8 | _64BIT | _LITTLE,
    "SCMP_ARCH_MIPSEL64N32": 8 | _64BIT | _LITTLE | _MIPS64_N32,
    "SCMP_ARCH_PARISC": 15,
    "SCMP_ARCH_PARISC64": 15 | _64BIT,
    "SCMP_ARCH_PPC": 20,
    "SCMP_ARCH_PPC64": 21 | _64BIT,
    "SCMP_ARCH_PPC64LE": 21 | _64BIT | _LITTLE,
    "SCMP_ARCH_RISCV64": 243 | _64BIT | _LITTLE,
    "SCMP_ARCH_S390": 22,
    "SCMP_ARCH_S390X": 22 | _64BIT,
    "SCMP_ARCH_SH": 42 | _LITTLE,
    "SCMP_ARCH_SHEB": 42,
}
X86_64 = TOKENS["SCMP_ARCH_X86_64"]
X32 = TOKENS["SCMP_ARCH_X32"]
ARM = TOKENS["SCMP_ARCH_ARM"]
