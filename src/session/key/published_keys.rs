//! The beginnings of published keys, as `weak::Letters` spells them, and where they
//! were published; sorted.

#[rustfmt::skip]
pub(super) const PUBLISHED: [&str; 127] = [
    ".......5.w..0..83", // Flask, configuration before 2.0
    "..thisismyscretkey", // Superset before 1.4.1
    ".h.....5..o....r..", // Flask, quickstart before 1.0
    "000102030405060708090a0b0c0d0e0f", // AES test vectors, FIPS 197
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", // FastAPI, tutorial
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf", // Flask, quickstart
    "1q2w3e4r5t", // keyboard patterns
    "1qaz2wsx", // keyboard patterns
    "1qazxsw2", // keyboard patterns
    "255d861b5ea159969aa3922530ec40b1", // Directus
    "271828182845904", // digits of e
    "2b7e151628aed2a6", // AES test vectors, FIPS 197
    "2flktvkflfuz4qpa75g2rtiwvazokzvp6fiim10", // Laravel, phpunit.xml
    "314159265358979", // digits of pi
    "3b7cd727ee24e8444053437c36cc66c", // Rails, guides
    "4054f7cf07e344346cd3f287985e76a2", // Apache APISIX
    "46bkjoqylppoexq0ohdznilnepkff87wfwlbfzqddho", // Airflow, container images
    "4avvhmflus0kta3kprsdag", // Apache Shiro
    "5791628bb0b13ce0c676dfde280ba245", // Corey Schafer, Flask tutorial
    "5e884898da280471", // SHA-256 of "password"
    "5ebe2294ecd0e0f0", // MD5 of "secret"
    "5f4dcc3b5aa765d6", // MD5 of "password"
    "5y2lf4q8z..", // Flask, quickstart before 2.2
    "6116487bcda152c2b5b5c8022c45e263", // Directus
    "61oetzkxqagaydkl5gemgejjfuyh7eqnp2xdtp1ovo", // Tornado, documentation
    "64hexdigits", // earlier examples of signet
    "76859309657453542496749683645", // CakePHP
    "7d441f27d441f27567d441f2b6176a", // Flask-WTF tutorials
    "81hqdtbqaywksoumsha3bhwnodq26slt6k0yazezyps", // Airflow, container images
    "8bykefba6o6donzwlsihbxox7c0skr6b", // Angela Yu, 100 days of code
    "a0zr98j3yxrxhh", // copies of Flask's quickstart
    "a25mq1fhtuh3mnfrsk5kmeiyvvu2ymn0vgryytvxy08", // Airflow, container images
    "akiaiosfodnn7example", // AWS, documentation
    "astringsecretatleast256bitslong", // jwt.io
    "avalidstringsecretthatisatleast", // jwt.io
    "awxsecret", // AWX
    "baadf00ddeadbeef", // hexadecimal words
    "base642flktvkflfuz4qpa75g2rtiwvazokzvp6fiim10", // Laravel, phpunit.xml
    "beginpublickey", // a PEM file
    "bezkoder", // Spring tutorials
    "bxktc2vjcmv0lxrva2vulxrvlwnoyw5nzs1pbi1wcm9kdwn0aw9u", // JHipster
    "c292a0a3aa32397cdb050e233733900f", // Redash
    "c2hwgvomgfntbsryqg8ecm", // Flask-WTF tutorials
    "c3vwzxjzzwnyzxrr", // Base64 of "supersecretkey"
    "cafebabecafe", // hexadecimal words
    "cafebabedeadbeef", // hexadecimal words
    "changeit", // placeholders
    "changeme", // placeholders
    "changethis", // placeholders
    "correcthorsebatterystaple", // xkcd 936
    "d41d8cd98f00b204", // MD5 of nothing
    "da39a3ee5e6b4b0d", // SHA-1 of nothing
    "deadbeefbaad", // hexadecimal words
    "deadbeefcafe", // hexadecimal words
    "deadbeefdead", // hexadecimal words
    "developmentkey", // Flask, tutorial before 1.0
    "devkeya883mnl3mnlwhxjhx", // copies of Flask's quickstart
    "djangoinsecure", // Django, startproject
    "doctypehtml", // an HTML page
    "drmhze6epcv0fn81bjna", // Python, secrets.token_urlsafe
    "dyhg93b0qyjfixfs2guvouubwwvnir2g0fgac9mi", // CakePHP
    "e11fl1oaytql8p06fbj4ukrlon7kq51md7imgeee", // Paperless-ngx
    "e3b0c44298fc1c14", // SHA-256 of nothing
    "ecretf0rt3st", // Symfony, tests
    "edd1c9f034335f136f87ad84b625c8f1", // Apache APISIX
    "f12zr47j.yxrxhjlwft", // Flask-Login, examples
    "f12zr47j.yxrxhjmmlwfkt", // Flask-Login, examples
    "f9bf78b9a18ce6d46a0cd2b0b86df9da", // Python, secrets.token_hex
    "fbvtggik5lazeu9h", // Joomla
    "fefwefwef13lfkpkdsjfwf2li5e3t8a1n", // Label Studio
    "hardtoguess", // Miguel Grinberg, Flasky
    "keyboardcat", // Express, express-session
    "kphbixk5d2deziixcaaaa", // Apache Shiro
    "letmeinletmein", // common passwords
    "loremipsumdolor", // filler text
    "mannyiscool", // Express, examples
    "mattermostjwt", // Mattermost
    "maytheforcebewithyou", // quotations
    "myprecious", // Real Python
    "mysecret", // placeholders
    "notsosecret", // cookiecutter-flask
    "p9bv3eid9i01", // Scotch.io, Flask tutorial
    "pleasechange", // placeholders
    "q1w2e3r4", // keyboard patterns
    "qazwsxedc", // keyboard patterns
    "replaceme", // placeholders
    "replacethis", // placeholders
    "replacewith", // placeholders
    "secretkey", // placeholders
    "shhhhthisis", // tutorials
    "sjdnuends821jsdlkvxh391ksdodnejddw", // Flask-WTF tutorials
    "sk9f73s3ljtxvcmt3blb3ljtqtskighxvcmt3blbkfjlk7u", // Dify
    "somerandomkey", // Laravel
    "somerandomstring", // Laravel 4 and 5
    "supersecret", // tutorials
    "sw2ycwtib9zpoohopsmm", // Grafana
    "taigabacksecretkey", // Taiga
    "taigasecretkey", // Taiga
    "temporarykey", // Airflow before 2.0
    "testnondevsecret", // Superset, Docker
    "thekeybeforethisone", // earlier examples of signet
    "thequickbrownfox", // Miguel Grinberg, examples
    "theveryultratopsecretkey", // Taiga
    "thirtytwolengthbyteskey", // aiohttp-session, documentation
    "thisezplatformtokenisnotsosecret", // eZ Platform
    "thisisasecret", // tutorials
    "thisismyscretkey", // Superset before 1.4.1
    "thisissecret", // tutorials
    "thistokenisnotsosecret", // Symfony
    "tobemodified", // Strapi
    "tobeornottobe", // quotations
    "tr0ub4dor3", // xkcd 936
    "useyourownsecurerandomkey", // Superset, documentation
    "versionhttpsgitlfs", // a Git LFS pointer
    "verysecret", // tutorials
    "vghpc0lztxlddxn0b21tzwnyzxrlzxkwmtizndu2nzg", // Nacos
    "wjalrxutnfemik7mdeng", // AWS, documentation
    "wubbalubbadubdub", // tutorials
    "xhardtoguess", // Miguel Grinberg, Flasky, with a letter before it
    "your256bitsecret", // jwt.io
    "your384bitsecret", // jwt.io
    "your512bitsecret", // jwt.io
    "yourownrandomgeneratedsecretkey", // Superset, documentation
    "yoursecret", // placeholders
    "youwillneverguess", // Miguel Grinberg, Flask mega-tutorial
    "youwillneverknow", // tutorials
    "zaq12wsx", // keyboard patterns
];
