import cf from 'cloudfront';

// Answers 503 while there is maintenance. `django-stack maintenance` writes the key-value store that says so, of whose
// values none has more than 1 KB:
//   maintenance  {"since", "retry_after", "pages", "networks"}; not there as long as there is no maintenance
//   page-0 ...   the page, in so many parts
//   networks-0 ...  who is let through, such as "cb007100/24": the address in hex digits, and how many bits count
const store = cf.kvs();

// Nobody is let through here, so that the command sees what visitors see from wherever it is run.
const EVERYBODY = '/healthz/maintenance';

// An address in hex digits: 8 for IPv4, 32 for IPv6.
function hex(address) {
    if (address.indexOf(':') < 0) {
        return address.split('.').map(function (byte) {
            return Number(byte).toString(16).padStart(2, '0');
        }).join('');
    }
    const halves = address.split('::');
    let groups = halves[0] ? halves[0].split(':') : [];
    if (halves.length > 1) {
        const last = halves[1] ? halves[1].split(':') : [];
        while (groups.length + last.length < 8) {
            groups.push('0');
        }
        groups = groups.concat(last);
    }
    return groups.map(function (group) {
        return group.padStart(4, '0');
    }).join('').toLowerCase();
}

function isWithin(visitor, network) {
    const parts = network.split('/');
    const digits = parts[0];
    const bits = Number(parts[1]);
    const whole = bits >> 2;
    if (digits.length !== visitor.length || digits.slice(0, whole) !== visitor.slice(0, whole)) {
        return false;
    }
    const ignored = 4 - (bits & 3);
    return ignored === 4 || parseInt(digits.charAt(whole), 16) >> ignored === parseInt(visitor.charAt(whole), 16) >> ignored;
}

async function handler(event) {
    const request = event.request;
    if (request.uri.startsWith('/healthz/') && request.uri !== EVERYBODY) {
        return request;
    }
    let state;
    try {
        state = await store.get('maintenance', { format: 'json' });
    } catch (error) {
        return request;
    }
    const visitor = hex(event.viewer.ip);
    let page = '';
    try {
        for (let i = 0; i < state.networks; i++) {
            const networks = await store.get('networks-' + i);
            const found = networks.split(' ').some(function (network) {
                return isWithin(visitor, network);
            });
            if (found && request.uri !== EVERYBODY) {
                return request;
            }
        }
        for (let i = 0; i < state.pages; i++) {
            const part = await store.get('page-' + i);
            page += part;
        }
    } catch (error) {
        console.log(error); // keys arrive one by one; a part of the page may be missing for a moment
    }
    return {
        statusCode: 503,
        statusDescription: 'Service Unavailable',
        headers: {
            'content-type': { value: 'text/html; charset=utf-8' },
            'cache-control': { value: 'no-store' },
            'retry-after': { value: String(state.retry_after) },
            'x-content-type-options': { value: 'nosniff' },
            'x-maintenance': { value: state.since }
        },
        body: { encoding: 'text', data: page }
    };
}
