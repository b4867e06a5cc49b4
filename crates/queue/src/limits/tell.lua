-- Tells how a call went. ARGV: how long what is known is kept in ms; 'went' or 'refused'; how long to wait
-- in ms, or -1; how long ago its turn was given in ms, or -1 where it did not ask for one; 1 if it went
-- alone; then dimension, limit, remaining and reset in ms, each -1 where it was not told.
--
-- Gives how long the gate is shut, and whether (1) the refusal was to be reckoned with: one call that asked
-- for the next window, or one beyond what a window takes.
local hint, age = tonumber(ARGV[3]), tonumber(ARGV[4])
local granted = now - age
local first = ARGV[5] == '1' and granted >= n('trying')
local alone = n('probe') == 2 and first
-- What was asked for before this window began says nothing of it.
local since = n('probe') == 2 and n('trying') or n('open')
local late = age >= 0 and granted < since

-- Shuts the gate until the next window, which begins after `a` and by `b` as far as anybody knows.
local function shut()
    local open = n('open')
    local a, b = n('after'), n('by')
    -- Whole seconds are rounded up. Shorter than a blink is no word at all.
    if hint >= 50 then
        local by = now + hint
        local after = by - (hint % 1000 == 0 and 1000 or 1)
        if by > a and after < b then
            a, b = math.max(a, after), math.min(b, by)
        elseif by > b then
            a, b = after, by
        end
    end
    if alone then a = math.max(a, granted) end
    if b <= now then b = 0 end
    set('after', a)
    set('by', b)
    -- What earlier windows tell, as far as it does not contradict.
    local seen = n('real') == 1 and n('lo') > 0
    local known = n('real') == 1 and n('hi') > 0
    local from, to = open + n('lo'), open + n('hi')
    if b > 0 then
        -- A second is not worth a refused call where a window has thirty of them.
        if b - open >= 30000 then a = b end
        if known and from < b and to > a then a, b = math.max(a, from), math.min(b, to) end
    elseif known and to > math.max(now, a) then
        a, b = math.max(a, from), to
    elseif seen and from > now then
        a, b = from, from
    end
    if b == 0 or (alone and known and to <= a) then
        -- Nobody knows, or it lasts longer than ever: single calls find out, further apart the longer it
        -- takes.
        local step = math.max(200, (now - open) * 0.05)
        if seen then
            step = math.max(20, n('lo') * 0.01) * 1.3 ^ n('over')
            set('over', n('over') + 1)
        end
        step = now + math.min(step, 60000)
        b = b == 0 and step or math.min(b, step)
    elseif b - a > math.max(20, (b - open) * 0.01) and n('tries') < 4 then
        -- One call in the middle halves what is not known, until it is not worth a call.
        b = a + (b - a) / 2
    end
    set('shut', math.max(b, now + 20))
end

local reckoned = 0
if ARGV[2] == 'refused' and not late then
    if n('shut') == 0 and n('probe') == 0 then
        -- The first refusal. Where it is not sure that the window is still the one that was seen to begin,
        -- this moment is all that is known of it.
        if n('real') == 0 or (n('hi') == 0 and now - n('open') > n('lo')) then
            set('open', age >= 0 and granted or now)
            set('real', 0)
        end
    end
    if age >= 0 then set('rtt', math.max(age, n('rtt') * 0.8)) end
    if alone then
        reckoned = 1
        set('probe', 0)
        set('tries', n('tries') + 1)
    elseif age >= 0 and (n('open') >= n('trying') or granted < n('trying')) then
        -- One that followed a first call which was refused in the end is not counted.
        if n('allow') > 0 and n('used') > n('allow') then reckoned = 1 end
        local used = math.max(n('used') - 1, 0)
        set('used', used)
        local young = n('open') == n('trying') and now - n('open') < 2000
        if young and (first or used * 10 <= n('kept')) then
            -- Silence was no consent, or the first call was the last one of the window before.
            alone = true
            reckoned = 1
            set('open', n('last'))
            set('real', n('seen'))
            set('allow', n('kept'))
        elseif n('real') == 1 then
            -- What a window let through and did not refuse is what the provider allows, where all its calls
            -- were counted.
            set('allow', math.max(1, used))
        end
    end
    if alone or hint >= 50 or n('shut') <= now then shut() end
elseif ARGV[2] == 'went' and not late then
    if alone then
        begin()
    elseif n('allow') > 0 and n('used') > n('allow') and age >= 0 and granted >= n('explored') then
        -- It was one beyond, and was taken.
        set('allow', n('used'))
    end
end

for i = 6, #ARGV, 4 do
    local dim, cap, remaining, reset = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
    if cap > 0 then
        local rate = cap / 60000
        if remaining >= 0 and reset > 0 and cap > remaining then rate = (cap - remaining) / reset end
        local have = cap
        if f['cap:' .. dim] then
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
return { math.ceil(math.max(n('shut') - now, 0)), reckoned }
