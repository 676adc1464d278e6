// All texts of the page in both languages. {0} and {1} are placeholders for values.
const TEXTS = {
  en: {
    other: 'Bahasa Indonesia', dark: 'Dark', light: 'Light', skip: 'Skip to the live events', close: 'Close',
    connecting: 'Connecting …', live: 'Live', lost: 'Connection lost since {0}, retrying', failing: 'Server error since {0}, retrying',
    streamLost: 'Event stream lost since {0}, retrying', otherData: 'The server has different data now. This page starts again.',
    invalidTopic: 'Invalid topic name. The page shows all topics.',
    health: 'Health of the server and its dependencies', server: 'Server', store: 'Database', broker: 'Queue',
    ok: 'ok', unavailable: 'unavailable', draining: 'shutting down', unknown: 'unknown',
    onlyTopic: 'Only topic', allTopics: 'Show all topics',
    totals: 'Totals', received: 'Received', stored: 'Stored', duplicates: 'Duplicates', ratio: 'Duplicate ratio', ofReceived: 'of all received',
    ofTopic: 'of this topic', queued: 'Queued', queuedNote: 'not stored yet', deadLetters: 'Dead letters', deadLettersNote: 'could not be stored', perSecond: '{0}/s',
    rates: 'Last 15 minutes', peak: 'Peak {0}/s', at: '{0}: {1}/s stored, {2}/s duplicates', noData: '{0}: no data',
    chart: 'Chart of events per second over the last 15 minutes. Now {0}/s, peak {1}/s. Arrow keys select a point.',
    chartSince: 'The chart of a single topic starts when this page is opened.',
    topics: 'Topics', topic: 'Topic', share: 'Ratio', last: 'Last seen', topicsOf: '{0} of {1}', showTopics: 'Show all {0} topics',
    filterBy: 'Show only {0}', noTopics: 'No topics yet',
    events: 'Live events', search: 'Search these events', pause: 'Pause', resume: 'Resume', resumeWaiting: 'Resume, {0} waiting',
    waitingLimit: 'Paused, {0} waiting. The page keeps the last {1}.',
    matches: '{0} of {1} events match.', noEvents: 'Waiting for events …', storedAt: 'Stored at', eventID: 'Event ID', source: 'Source', timestamp: 'Timestamp',
    payload: 'Payload', more: 'Show the whole payload', copy: 'Copy', copied: 'Copied', copyByHand: 'Press Ctrl+C', openJSON: 'Open as JSON',
    emptyTitle: 'No events yet', emptyHow: 'Publish one. If you send it twice, the second counts as a duplicate:',
    emptyMore: 'Or send 20,000 generated events, 30 % of them duplicates:',
    uptime: 'Server up for {0}.', version: 'Version {0}.', guides: 'Guides', docs: 'HTTP reference',
    foreign: 'A proxy responds in place of the server since {0}, retrying', streamForeign: 'A proxy responds in place of the event stream since {0}, retrying',
    latest: 'Latest point', busiestOf: 'The {0} busiest of {1}', showBusiest: 'Show the {0} busiest topics',
    payloadCut: 'Cut after {0} characters; the payload has {1}.',
    signedOut: 'Not logged in', loginTitle: 'This server needs an API key', keyNeeded: 'Enter a key that may read events or totals.', apiKey: 'API key', logIn: 'Log in', logOut: 'Log out',
    loginNote: 'The browser keeps a cookie for 12 hours. It is not the key, and it can only read.', keyInUse: 'Key {0}',
    wrongKey: 'The server does not accept this key. It is mistyped, unknown or expired.', keyLacksScopes: 'This key may not read events or totals. Its scopes must contain read or metrics.',
    tooManyKeys: 'Too many wrong keys from your address. Try again in a minute.', loginFailed: 'The login failed: the server is unavailable. Try again.', cookieBlocked: 'The browser did not keep the cookie. Allow cookies for this page.',
    sessionEnded: 'The session has ended: the key expired or was removed, or 12 hours have passed.', loggedOut: 'You are logged out.', logoutFailed: 'The logout failed. Try again.',
    noTotals: 'This key may not read the totals of all topics.', noEventsScope: 'This key may not read events.', eventsDenied: 'This key may not read all topics. Select one of its topics.',
  },
  id: {
    other: 'English', dark: 'Gelap', light: 'Terang', skip: 'Langsung ke event terbaru', close: 'Tutup',
    connecting: 'Menghubungkan …', live: 'Langsung', lost: 'Koneksi terputus sejak {0}, mencoba lagi', failing: 'Kesalahan server sejak {0}, mencoba lagi',
    streamLost: 'Aliran event terputus sejak {0}, mencoba lagi', otherData: 'Data di server sekarang berbeda. Halaman ini dimulai dari awal.',
    invalidTopic: 'Nama topik tidak valid. Semua topik ditampilkan.',
    health: 'Kondisi server dan layanan yang dibutuhkannya', server: 'Server', store: 'Basis data', broker: 'Antrean',
    ok: 'baik', unavailable: 'tidak tersedia', draining: 'sedang berhenti', unknown: 'tidak diketahui',
    onlyTopic: 'Hanya topik', allTopics: 'Tampilkan semua topik',
    totals: 'Total', received: 'Diterima', stored: 'Tersimpan', duplicates: 'Duplikat', ratio: 'Rasio duplikat', ofReceived: 'dari semua yang diterima',
    ofTopic: 'dari topik ini', queued: 'Dalam antrean', queuedNote: 'belum disimpan', deadLetters: 'Dead letter', deadLettersNote: 'gagal disimpan', perSecond: '{0}/dtk',
    rates: '15 menit terakhir', peak: 'Puncak {0}/dtk', at: '{0}: {1}/dtk tersimpan, {2}/dtk duplikat', noData: '{0}: tidak ada data',
    chart: 'Grafik event per detik selama 15 menit terakhir. Sekarang {0}/dtk, puncak {1}/dtk. Tombol panah memilih satu titik.',
    chartSince: 'Grafik untuk satu topik dimulai saat halaman ini dibuka.',
    topics: 'Topik', topic: 'Topik', share: 'Rasio', last: 'Terakhir', topicsOf: '{0} dari {1}', showTopics: 'Tampilkan semua {0} topik',
    filterBy: 'Tampilkan hanya {0}', noTopics: 'Belum ada topik',
    events: 'Event langsung', search: 'Cari di event ini', pause: 'Jeda', resume: 'Lanjutkan', resumeWaiting: 'Lanjutkan, {0} menunggu',
    waitingLimit: 'Dijeda, {0} menunggu. Halaman ini menyimpan {1} terakhir.',
    matches: '{0} dari {1} event cocok.', noEvents: 'Menunggu event …', storedAt: 'Disimpan pada', eventID: 'ID event', source: 'Sumber', timestamp: 'Waktu event',
    payload: 'Isi', more: 'Tampilkan seluruh isi', copy: 'Salin', copied: 'Tersalin', copyByHand: 'Tekan Ctrl+C', openJSON: 'Buka sebagai JSON',
    emptyTitle: 'Belum ada event', emptyHow: 'Kirim satu event. Jika dikirim dua kali, yang kedua dihitung sebagai duplikat:',
    emptyMore: 'Atau kirim 20.000 event contoh, 30 % di antaranya duplikat:',
    uptime: 'Server berjalan selama {0}.', version: 'Versi {0}.', guides: 'Panduan', docs: 'Referensi HTTP',
    foreign: 'Proxy menjawab sebagai ganti server sejak {0}, mencoba lagi', streamForeign: 'Proxy menjawab sebagai ganti aliran event sejak {0}, mencoba lagi',
    latest: 'Titik terakhir', busiestOf: '{0} tersibuk dari {1}', showBusiest: 'Tampilkan {0} topik tersibuk',
    payloadCut: 'Dipotong setelah {0} karakter; isi lengkapnya {1}.',
    signedOut: 'Belum masuk', loginTitle: 'Server ini memerlukan kunci API', keyNeeded: 'Masukkan kunci yang boleh membaca event atau total.', apiKey: 'Kunci API', logIn: 'Masuk', logOut: 'Keluar',
    loginNote: 'Browser menyimpan cookie selama 12 jam. Cookie itu bukan kuncinya, dan hanya bisa membaca.', keyInUse: 'Kunci {0}',
    wrongKey: 'Server tidak menerima kunci ini. Kunci salah ketik, tidak dikenal, atau kedaluwarsa.', keyLacksScopes: 'Kunci ini tidak boleh membaca event atau total. Cakupannya harus memuat read atau metrics.',
    tooManyKeys: 'Terlalu banyak kunci salah dari alamat Anda. Coba lagi satu menit lagi.', loginFailed: 'Gagal masuk: server tidak tersedia. Coba lagi.', cookieBlocked: 'Browser tidak menyimpan cookie. Izinkan cookie untuk halaman ini.',
    sessionEnded: 'Sesi berakhir: kunci kedaluwarsa atau dihapus, atau 12 jam sudah lewat.', loggedOut: 'Anda sudah keluar.', logoutFailed: 'Gagal keluar. Coba lagi.',
    noTotals: 'Kunci ini tidak boleh membaca total semua topik.', noEventsScope: 'Kunci ini tidak boleh membaca event.', eventsDenied: 'Kunci ini tidak boleh membaca semua topik. Pilih salah satu topiknya.',
  },
};

// Settings of the user. They outlast the page if the browser allows storage.
const settings = {
  get(key) { try { return localStorage.getItem(`eventagg.${key}`); } catch { return null; } },
  set(key, value) { try { value === null ? localStorage.removeItem(`eventagg.${key}`) : localStorage.setItem(`eventagg.${key}`, value); } catch { /* storage is blocked */ } },
};

let language = settings.get('language') === 'id' ? 'id' : 'en';

// translate returns the text of a key in the current language.
const translate = (key, ...values) => TEXTS[language][key].replace(/\{(\d)\}/g, (_, i) => values[i]);

// Formats of numbers and times in the current language. Times are in the time zone of the user.
let formats;

function updateFormats() {
  const locale = language === 'id' ? 'id-ID' : 'en-US';
  const time = (options) => new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', ...options });
  formats = {
    whole: new Intl.NumberFormat(locale, { maximumFractionDigits: 0 }),
    tenth: new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
    share: new Intl.NumberFormat(locale, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 }),
    minute: time({}),
    second: time({ second: '2-digit' }),
    millisecond: time({ second: '2-digit', fractionalSecondDigits: 3 }),
    day: time({ day: 'numeric', month: 'short' }),
    year: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric' }),
  };
}

const formatRate = (rate) => (rate === null ? '–' : (rate === 0 || rate >= 9.95 ? formats.whole : formats.tenth).format(rate));
const formatShare = (part, whole) => (whole > 0 ? formats.share.format(part / whole) : '–');
const clock = (time, format = 'second') => formats[format].format(time).replaceAll('.', ':').replace(/:(\d{3})$/, '.$1');

// formatMoment returns the time of day, for another day the date and the time, and for another year the date.
function formatMoment(moment, format = 'second') {
  const [time, today] = [new Date(moment), new Date()];
  if (time.toDateString() === today.toDateString()) return clock(time, format);
  return formats[time.getFullYear() === today.getFullYear() ? 'day' : 'year'].format(time);
}

function formatBytes(count) {
  const [unit, size] = count < 1024 ? ['B', 1] : count < 1 << 20 ? ['KiB', 1 << 10] : ['MiB', 1 << 20];
  return `${(size === 1 ? formats.whole : formats.tenth).format(count / size)} ${unit}`;
}

function formatDuration(seconds) {
  const units = language === 'id' ? ['h', 'j', 'm', 'd'] : ['d', 'h', 'm', 's'];
  const parts = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const first = Math.max(0, parts.findIndex((part, i) => part > 0 || i === 3));
  return parts.slice(first, first + 2).map((part, i) => `${part} ${units[first + i]}`).join(' ');
}
