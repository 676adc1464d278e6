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
    chart: 'Chart of events per second over the last 15 minutes. Now {0}/s, peak {1}/s. Arrow keys show single points.',
    chartSince: 'The chart of a single topic starts when this page is opened.',
    topics: 'Topics', topic: 'Topic', share: 'Ratio', last: 'Last seen', topicsOf: '{0} of {1}', showTopics: 'Show all {0} topics',
    filterBy: 'Show only {0}', noTopics: 'No topics yet',
    events: 'Live events', search: 'Search these events', pause: 'Pause', resume: 'Resume', resumeWaiting: 'Resume, {0} waiting',
    waitingLimit: 'Paused, {0} waiting. The page keeps the last {1}.',
    matches: '{0} of {1} events match.', noEvents: 'Waiting for events …', storedAt: 'Stored at', eventID: 'Event ID', source: 'Source', timestamp: 'Timestamp',
    payload: 'Payload', more: 'Show the whole payload ({0})', copy: 'Copy', copied: 'Copied', copyByHand: 'Press Ctrl+C', openJSON: 'Open as JSON',
    emptyTitle: 'No events yet', emptyHow: 'Publish one. If you send it twice, the second counts as a duplicate:',
    emptyMore: 'Or send 20,000 generated events, 30 % of them duplicates:',
    uptime: 'Server up for {0}.', version: 'Version {0}.', guides: 'Guides', docs: 'API reference',
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
    chart: 'Grafik event per detik selama 15 menit terakhir. Sekarang {0}/dtk, puncak {1}/dtk. Tombol panah menampilkan titik satu per satu.',
    chartSince: 'Grafik untuk satu topik dimulai saat halaman ini dibuka.',
    topics: 'Topik', topic: 'Topik', share: 'Rasio', last: 'Terakhir', topicsOf: '{0} dari {1}', showTopics: 'Tampilkan semua {0} topik',
    filterBy: 'Tampilkan hanya {0}', noTopics: 'Belum ada topik',
    events: 'Event langsung', search: 'Cari di event ini', pause: 'Jeda', resume: 'Lanjutkan', resumeWaiting: 'Lanjutkan, {0} menunggu',
    waitingLimit: 'Dijeda, {0} menunggu. Halaman ini menyimpan {1} terakhir.',
    matches: '{0} dari {1} event cocok.', noEvents: 'Menunggu event …', storedAt: 'Disimpan pada', eventID: 'ID event', source: 'Sumber', timestamp: 'Waktu event',
    payload: 'Isi', more: 'Tampilkan seluruh isi ({0})', copy: 'Salin', copied: 'Tersalin', copyByHand: 'Tekan Ctrl+C', openJSON: 'Buka sebagai JSON',
    emptyTitle: 'Belum ada event', emptyHow: 'Kirim satu event. Jika dikirim dua kali, yang kedua dihitung sebagai duplikat:',
    emptyMore: 'Atau kirim 20.000 event contoh, 30 % di antaranya duplikat:',
    uptime: 'Server berjalan selama {0}.', version: 'Versi {0}.', guides: 'Panduan', docs: 'Referensi API',
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
  };
}

const formatRate = (rate) => (rate === null ? '–' : (rate === 0 || rate >= 9.95 ? formats.whole : formats.tenth).format(rate));
const formatShare = (part, whole) => (whole > 0 ? formats.share.format(part / whole) : '–');
const clock = (time, format = 'second') => formats[format].format(time).replaceAll('.', ':').replace(/:(\d{3})$/, '.$1');

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
