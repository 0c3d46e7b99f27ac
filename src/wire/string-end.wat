;; Finds the end of a JSON string in the memory, 16 bytes at a time. What is compiled from it stands in string-end.ts.
(module
  (memory (export "memory") 2)
  ;; From $pos, the first byte that is a quote and not escaped: its place when it is before $end. Otherwise $end, or $end + 1 when
  ;; the last byte escapes the one that comes next. Reads up to 15 bytes past $end, which do not count.
  (func (export "find") (param $pos i32) (param $end i32) (result i32)
    (local $chunk v128)
    (local $found i32)
    (loop $more
      (if (i32.ge_u (local.get $pos) (local.get $end)) (then (return (local.get $pos))))
      (local.set $chunk (v128.load (local.get $pos)))
      (local.set $found
        (i8x16.bitmask
          (v128.or
            (i8x16.eq (local.get $chunk) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34))
            (i8x16.eq (local.get $chunk) (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92)))))
      (if (i32.eqz (local.get $found))
        (then
          (local.set $pos (i32.add (local.get $pos) (i32.const 16)))
          (br_if $more (i32.lt_u (local.get $pos) (local.get $end)))
          (return (local.get $end))))
      (local.set $pos (i32.add (local.get $pos) (i32.ctz (local.get $found))))
      (if (i32.ge_u (local.get $pos) (local.get $end)) (then (return (local.get $end))))
      (if (i32.eq (i32.load8_u (local.get $pos)) (i32.const 34)) (then (return (local.get $pos))))
      (local.set $pos (i32.add (local.get $pos) (i32.const 2)))
      (br $more))
    (unreachable)))
