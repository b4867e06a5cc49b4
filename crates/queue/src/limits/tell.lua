-- Tells how a call went. KEYS[1]: what is known of the key. ARGV: how long it is kept in ms; 'went' or
-- 'refused'; how long to wait in ms, or -1; then dimension, limit, remaining and reset in ms, each -1
-- where it was not told.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function n(name) return tonumber(redis.call('HGET', KEYS[1], name) or '0') end
local function set(name, value)
    redis.call('HSET', KEYS[1], name, string.format('%.4f', value))
end
local hint = tonumber(ARGV[3])

if ARGV[2] == 'refused' then
    if n('open') == 0 then set('open', now) end
    -- What the cycle let through and was not refused is what the provider allows.
    -- Calls from before the limit was known were not counted, and say nothing.
    local counted = n('used') > 0
    local used = math.max(n('used') - 1, 0)
    set('used', used)
    if counted then set('allow', math.max(1, used)) end
    if hint >= 0 then
        set('blind', 0)
        set('probe', 0)
        if now + hint > n('shut') then set('shut', now + math.max(hint, 1)) end
        set('period', math.max(now + hint - n('open'), 1))
    elseif n('shut') <= now then
        set('blind', 1)
        local open, period = n('open'), n('period')
        local base = open
        -- A probe that was refused belongs to the cycle before.
        if n('probe') == 2 then
            base = n('last')
            set('open', base)
            set('allow', n('kept'))
        elseif counted then
            set('kept', math.max(1, used))
        end
        set('probe', 0)
        local due = base + period * 0.98
        if period == 0 or due <= now then
            due = now + math.max(50, (now - base) * 0.05)
        end
        set('shut', math.min(due, now + 60000))
    elseif counted then
        set('kept', math.max(1, used))
    end
else
    if n('probe') == 2 and n('used') > 0 then
        set('probe', 0)
        local took = n('open') - n('last')
        if n('last') > 0 and took > 0 then set('period', took) end
    end
    -- The limit is at least what went through.
    local allow = n('allow')
    if allow > 0 and n('used') > allow and n('shut') <= now then set('allow', n('used')) end
end

for i = 4, #ARGV, 4 do
    local dim, cap, remaining, reset = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
    if cap > 0 then
        local rate = cap / 60000
        if remaining >= 0 and reset > 0 and cap > remaining then rate = (cap - remaining) / reset end
        local have = cap
        if redis.call('HEXISTS', KEYS[1], 'cap:' .. dim) == 1 then
            have = math.min(cap, n('left:' .. dim) + (now - n('at:' .. dim)) * n('rate:' .. dim))
        end
        if remaining >= 0 then have = math.min(have, remaining) end
        set('cap:' .. dim, cap)
        set('rate:' .. dim, rate)
        set('left:' .. dim, have)
        set('at:' .. dim, now)
    end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 0
