-- What the fleet knows of a key, for the scripts below it. KEYS[1]: a hash. Times are ms by the clock of
-- Redis. The provider is taken to count in windows, whether they follow each other or begin with a call:
--
--   open, real   when the window began, and whether that was seen (1) or assumed (0)
--   last, seen, kept  `open`, `real` and `allow` as they were before the window began
--   shut         until when nobody goes; 0 while the window lasts
--   probe        1: the next call goes alone, and tells whether a new window began; 2: it is under way
--   trying       when that call set off
--   due          since when it could have
--   after, by    the next window begins after the one and by the other, as refusals of this one tell
--   lo, hi       a window is longer than the one, and not longer than the other
--   tries, over  calls that found the window not begun; those of them after all that was known was over
--   used         calls of this window that were not refused
--   allow        how many a window takes; 0 until one was counted
--   explored     when the last call beyond that set off
--   rtt          how long a refusal takes at most, lately
--   line         jobs that stay away until later windows
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local f = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do f[flat[i]] = flat[i + 1] end
local function n(name) return tonumber(f[name] or '0') end
local function set(name, value)
    f[name] = string.format('%.4f', value)
    redis.call('HSET', KEYS[1], name, f[name])
end

-- A refusal comes at once, a picture after a while: silence for this long is taken for consent.
local function silence()
    if n('rtt') == 0 then return 150 end
    return math.max(40, math.min(150, 3 * n('rtt')))
end

-- How many jobs come back for one window: half more than it takes, for those that were canceled meanwhile,
-- or died.
local function batch() return math.ceil(n('allow') * 1.5) + 1 end

-- The call that went alone was taken: a window has begun with it.
local function begin()
    local open, began = n('open'), n('trying')
    local lo, hi = math.max(n('lo'), n('after') - open), n('hi')
    -- Where nobody was there to try, or to see the last one begin, the moment says nothing.
    if n('real') == 1 and began - n('due') <= 250 then
        -- Taken at the first try: it may have begun long ago, and is tried sooner the next time.
        if n('tries') == 0 and hi > 0 then
            local gap = math.max(2 * (hi - n('lo')), 0.02 * (began - open))
            lo = math.max(began - open - gap, n('after') - open, 0)
        end
        hi = began - open
    end
    set('lo', hi > 0 and math.min(lo, hi) or lo)
    set('hi', hi)
    set('last', open)
    set('seen', n('real'))
    set('kept', n('allow'))
    set('open', began)
    set('real', 1)
    set('used', 1)
    set('line', math.max(0, n('line') - batch()))
    for _, name in ipairs({ 'probe', 'after', 'by', 'tries', 'over' }) do set(name, 0) end
end

