-- A job stays away until a window that has room for it. ARGV: how long what is known is kept in ms. Gives
-- in how many milliseconds the next window begins, how many later this one does, and the job's place among
-- those that come for it, in thousandths; -1 where nobody knows how many a window takes.
--
-- More than two windows ahead nobody is sent: what is known may be wrong by then.
local opens = math.ceil(math.max(n('shut') - now, 0))
if opens == 0 or n('allow') == 0 then return { opens, 0, -1 } end
local place, size = n('line'), batch()
local ahead = math.min(2, math.floor(place / size))
set('line', place + 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
local length = n('hi') > 0 and n('hi') or n('shut') - n('open')
return { opens, math.ceil(ahead * length), math.floor(place % size * 1000 / size) }
