//! From machine code to a tile instruction. Pure: bytes and register values in, no tiles, no
//! memory.
//!
//! All the instructions share one form: a three-byte VEX prefix (`C4`, opcode map 0F38, W0, L0), an
//! opcode, ModRM, perhaps SIB and a displacement, no immediate. The mandatory prefix in VEX.pp
//! tells instructions of one opcode apart:
//!
//! | opcode | none                    | 66          | F3         | F2        |
//! |--------|-------------------------|-------------|------------|-----------|
//! | 49     | LDTILECFG / TILERELEASE |             |            | TILEZERO  |
//! | 4B     |                         | TILELOADDT1 | TILESTORED | TILELOADD |
//! | 5C     |                         |             | TDPBF16PS  |           |
//!
//! VEX stores R, X, B and vvvv inverted. Anything that is not exactly one of these, tiles above 7
//! included, is `None`: on a CPU with AMX it would be an illegal instruction too, or it is one that
//! the kernels do not use.

/// One tile register, 0 to 7.
pub(super) type TileName = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// LDTILECFG
    Configure(Memory),
    /// TILERELEASE
    Release,
    /// TILEZERO
    Zero(TileName),
    /// TILELOADD, TILELOADDT1: the latter differs by a hint to the cache alone.
    Load(TileName, Memory),
    /// TILESTORED
    Store(Memory, TileName),
    /// TDPBF16PS
    Multiply { sum: TileName, left: TileName, right: TileName },
}

/// A memory operand. Registers go by their encoding, 0 (rax) to 15 (r15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    base: Base,
    index: Option<u8>,
    /// The index counts 1, 2, 4 or 8 times: the logarithm of that.
    scale_log2: u8,
    displacement: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    None,
    Register(u8),
    NextInstruction,
}

/// What an address is computed from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers {
    /// In the order of their encoding: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
    pub(super) general: [u64; 16],
    /// The address of the instruction after this one.
    pub(super) next: u64,
}

/// Where the rows of a tile lie: row i begins at `start + i * stride`, modulo 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) start: u64,
    pub(super) stride: u64,
}

impl Memory {
    /// The address as every other instruction means it.
    pub(super) fn address(&self, registers: &Registers) -> u64 {
        let Rows { start, stride } = self.rows(registers);
        start.wrapping_add(stride)
    }

    /// The address as a tile load or store means it: the scaled index is the distance of two rows.
    /// Without an index it is 0.
    pub(super) fn rows(&self, registers: &Registers) -> Rows {
        let base = match self.base {
            Base::None => 0,
            Base::Register(register) => registers.general[usize::from(register)],
            Base::NextInstruction => registers.next,
        };
        Rows {
            start: base.wrapping_add_signed(i64::from(self.displacement)),
            stride: self
                .index
                .map_or(0, |register| registers.general[usize::from(register)] << self.scale_log2),
        }
    }
}

/// Reads one instruction and no byte more; `None` if it is none of ours.
pub(super) fn decode(code: &mut impl Iterator<Item = u8>) -> Option<Instruction> {
    let vex = Vex::decode(code)?;
    let opcode = code.next()?;
    let modrm = ModRm::decode(code.next()?);
    let instruction = match (opcode, vex.prefix) {
        (0x49, Prefix::None) if modrm.names_memory() && modrm.reg == 0 => {
            Instruction::Configure(modrm.memory(&vex, code)?)
        }
        (0x49, Prefix::None) if !modrm.names_memory() && (modrm.reg, modrm.rm) == (0, 0) => {
            Instruction::Release
        }
        (0x49, Prefix::F2) if !modrm.names_memory() && modrm.rm == 0 => {
            Instruction::Zero(tile(vex.r, modrm.reg)?)
        }
        (0x4B, Prefix::F2 | Prefix::P66) if modrm.has_sib() => {
            Instruction::Load(tile(vex.r, modrm.reg)?, modrm.memory(&vex, code)?)
        }
        (0x4B, Prefix::F3) if modrm.has_sib() => {
            Instruction::Store(modrm.memory(&vex, code)?, tile(vex.r, modrm.reg)?)
        }
        (0x5C, Prefix::F3) if !modrm.names_memory() => {
            return Some(Instruction::Multiply {
                sum: tile(vex.r, modrm.reg)?,
                left: tile(vex.b, modrm.rm)?,
                right: tile(vex.vvvv >> 3, vex.vvvv & 7)?,
            });
        }
        _ => return None,
    };
    // Without a third operand vvvv is written as 1111, which is 0 inverted.
    (vex.vvvv == 0).then_some(instruction)
}

/// A tile's name from three bits and the extension that has to be 0.
fn tile(extension: u8, low: u8) -> Option<TileName> {
    (extension == 0).then_some(usize::from(low))
}

/// The prefix's fields, no longer inverted; `r`, `x` and `b` are 0 or 1.
struct Vex {
    r: u8,
    x: u8,
    b: u8,
    vvvv: u8,
    prefix: Prefix,
}

#[derive(Clone, Copy)]
enum Prefix {
    None,
    P66,
    F3,
    F2,
}

impl Vex {
    fn decode(code: &mut impl Iterator<Item = u8>) -> Option<Self> {
        const MAP_0F38: u8 = 2;
        if code.next()? != 0xC4 {
            return None;
        }
        let first = code.next()?;
        if first & 0x1F != MAP_0F38 {
            return None;
        }
        let second = code.next()?;
        let (w, l) = (second >> 7, second >> 2 & 1);
        if (w, l) != (0, 0) {
            return None;
        }
        let prefix = match second & 3 {
            0 => Prefix::None,
            1 => Prefix::P66,
            2 => Prefix::F3,
            _ => Prefix::F2,
        };
        Some(Self {
            r: !first >> 7 & 1,
            x: !first >> 6 & 1,
            b: !first >> 5 & 1,
            vvvv: !second >> 3 & 15,
            prefix,
        })
    }
}

struct ModRm {
    mode: u8,
    reg: u8,
    rm: u8,
}

impl ModRm {
    fn decode(byte: u8) -> Self {
        Self { mode: byte >> 6, reg: byte >> 3 & 7, rm: byte & 7 }
    }

    fn names_memory(&self) -> bool {
        self.mode != 3
    }

    fn has_sib(&self) -> bool {
        self.names_memory() && self.rm == 4
    }

    fn memory(&self, vex: &Vex, code: &mut impl Iterator<Item = u8>) -> Option<Memory> {
        // Register 5 (rbp, r13) as a base cannot go without a displacement: mode 0 with it means
        // none (SIB) or RIP.
        let (base, index, scale_log2) = if self.has_sib() {
            let sib = code.next()?;
            let base = match sib & 7 {
                5 if self.mode == 0 => Base::None,
                low => Base::Register(vex.b << 3 | low),
            };
            // Register 4 (rsp) as an index means none; r12 is one.
            let index = Some(vex.x << 3 | sib >> 3 & 7).filter(|&register| register != 4);
            (base, index, sib >> 6)
        } else {
            let base = match self.rm {
                5 if self.mode == 0 => Base::NextInstruction,
                low => Base::Register(vex.b << 3 | low),
            };
            (base, None, 0)
        };
        let displacement = match (self.mode, base) {
            (0, Base::Register(_)) => 0,
            (1, _) => i32::from(code.next()? as i8),
            _ => i32::from_le_bytes([code.next()?, code.next()?, code.next()?, code.next()?]),
        };
        Some(Memory { base, index, scale_log2, displacement })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAX: u8 = 0;
    const RCX: u8 = 1;
    const RSP: u8 = 4;
    const RBP: u8 = 5;
    const R9: u8 = 9;
    const R12: u8 = 12;
    const R13: u8 = 13;
    const R15: u8 = 15;

    fn memory(base: Base, index: Option<(u8, u8)>, displacement: i32) -> Memory {
        let (index, scale_log2) =
            index.map_or((None, 0), |(register, scale_log2)| (Some(register), scale_log2));
        Memory { base, index, scale_log2, displacement }
    }

    /// The bytes are GNU as's, from the instruction in the comment (AT&T order).
    #[test]
    fn reads_what_the_assembler_writes() {
        use Base::{NextInstruction, Register};
        let rows: &[(&[u8], Instruction)] = &[
            // ldtilecfg (%rax)
            (
                &[0xc4, 0xe2, 0x78, 0x49, 0x00],
                Instruction::Configure(memory(Register(RAX), None, 0)),
            ),
            // ldtilecfg 0x40(%r13,%r12,4)
            (
                &[0xc4, 0x82, 0x78, 0x49, 0x44, 0xa5, 0x40],
                Instruction::Configure(memory(Register(R13), Some((R12, 2)), 0x40)),
            ),
            // ldtilecfg 0x52(%rip)
            (
                &[0xc4, 0xe2, 0x78, 0x49, 0x05, 0x52, 0, 0, 0],
                Instruction::Configure(memory(NextInstruction, None, 0x52)),
            ),
            // tilerelease
            (&[0xc4, 0xe2, 0x78, 0x49, 0xc0], Instruction::Release),
            // tilezero %tmm5
            (&[0xc4, 0xe2, 0x7b, 0x49, 0xe8], Instruction::Zero(5)),
            // tileloadd (%rax,%rcx), %tmm3
            (
                &[0xc4, 0xe2, 0x7b, 0x4b, 0x1c, 0x08],
                Instruction::Load(3, memory(Register(RAX), Some((RCX, 0)), 0)),
            ),
            // tileloadd (%rax), %tmm3
            (
                &[0xc4, 0xe2, 0x7b, 0x4b, 0x1c, 0x20],
                Instruction::Load(3, memory(Register(RAX), None, 0)),
            ),
            // tileloadd 64(%r13,%r12,8), %tmm7
            (
                &[0xc4, 0x82, 0x7b, 0x4b, 0x7c, 0xe5, 0x40],
                Instruction::Load(7, memory(Register(R13), Some((R12, 3)), 64)),
            ),
            // tileloadd 0x1000(,%r9,2), %tmm0
            (
                &[0xc4, 0xa2, 0x7b, 0x4b, 0x04, 0x4d, 0, 0x10, 0, 0],
                Instruction::Load(0, memory(Base::None, Some((R9, 1)), 0x1000)),
            ),
            // tileloaddt1 (%rsp,%rbp), %tmm1
            (
                &[0xc4, 0xe2, 0x79, 0x4b, 0x0c, 0x2c],
                Instruction::Load(1, memory(Register(RSP), Some((RBP, 0)), 0)),
            ),
            // tilestored %tmm2, -64(%r15,%rdx)
            (
                &[0xc4, 0xc2, 0x7a, 0x4b, 0x54, 0x17, 0xc0],
                Instruction::Store(memory(Register(R15), Some((2, 0)), -64), 2),
            ),
            // tdpbf16ps %tmm3, %tmm2, %tmm1
            (&[0xc4, 0xe2, 0x62, 0x5c, 0xca], Instruction::Multiply { sum: 1, left: 2, right: 3 }),
            // tdpbf16ps %tmm7, %tmm6, %tmm0
            (&[0xc4, 0xe2, 0x42, 0x5c, 0xc6], Instruction::Multiply { sum: 0, left: 6, right: 7 }),
        ];
        for (bytes, expected) in rows {
            let mut code = bytes.iter().copied();
            assert_eq!(decode(&mut code), Some(*expected), "{bytes:02x?}");
            assert_eq!(code.len(), 0, "bytes left of {bytes:02x?}");
        }
    }

    #[test]
    fn leaves_the_rest_alone() {
        let rows: &[(&str, &[u8])] = &[
            ("ud2", &[0x0f, 0x0b]),
            ("tileloadd with a segment", &[0x64, 0xc4, 0xe2, 0x7b, 0x4b, 0x1c, 0x08]),
            ("tileloadd in 32-bit addressing", &[0x67, 0xc4, 0xe2, 0x7b, 0x4b, 0x1c, 0x08]),
            ("tileloadd without SIB", &[0xc4, 0xe2, 0x7b, 0x4b, 0x18, 0, 0, 0, 0]),
            ("tile 8", &[0xc4, 0x62, 0x7b, 0x49, 0xc0]),
            ("VEX.W1", &[0xc4, 0xe2, 0xfb, 0x49, 0xe8]),
            ("VEX.L1", &[0xc4, 0xe2, 0x7f, 0x49, 0xe8]),
            ("tilezero with a third operand", &[0xc4, 0xe2, 0x73, 0x49, 0xe8]),
            ("sttilecfg", &[0xc4, 0xe2, 0x79, 0x49, 0x00]),
            ("tdpbssd", &[0xc4, 0xe2, 0x63, 0x5e, 0xca]),
            ("andn, of the same map", &[0xc4, 0xe2, 0x78, 0xf2, 0xc0]),
        ];
        for (name, bytes) in rows {
            assert_eq!(decode(&mut bytes.iter().copied()), None, "{name}");
        }
    }

    #[test]
    fn addresses_wrap_and_scale() {
        let mut registers = Registers { general: [0; 16], next: 0x4000 };
        registers.general[usize::from(R13)] = 0x1000;
        registers.general[usize::from(R12)] = 0x21;
        let strided = memory(Base::Register(R13), Some((R12, 3)), -16);
        assert_eq!(strided.rows(&registers), Rows { start: 0xff0, stride: 0x108 });
        assert_eq!(strided.address(&registers), 0x10f8);
        assert_eq!(memory(Base::NextInstruction, None, -4).address(&registers), 0x3ffc);
        assert_eq!(
            memory(Base::None, None, -1).rows(&registers),
            Rows { start: u64::MAX, stride: 0 }
        );
    }
}
