"""What people ask about machines, code and numbers."""

from __future__ import annotations

from simsvc.demo.phrases import Topic

TECHNICAL = (
    Topic.of(
        "Python",
        """asyncio cancellation; a dataclass with slots; a pytest fixture; list comprehensions;
        the GIL; a context manager; a pandas merge; type variance; a C extension; pickling
        lambdas; a circular import; f-string formatting; a Flask route; descriptor protocol;
        argparse; a generator pipeline; multiprocessing queues; weak references; a Cython loop;
        structural pattern matching; logging handlers; a virtual environment; decimal rounding;
        timezone-aware datetimes; memory views; monkeypatching""",
        """a memory leak caused by {}; {} behaving differently in production; a unit test for
        {}; {} explained with an everyday analogy; replacing {} with something simpler; a code
        review checklist about {}; the performance of {} on large inputs; an interview question
        on {}; deprecation warnings from {}; typing {} strictly; documenting {} for newcomers; a
        thread-safety problem in {}; {} compared with how Go does it""",
    ),
    Topic.of(
        "databases",
        """a partial index; window functions; a deadlock; foreign keys; a materialised view;
        row-level security; a recursive CTE; sharding by tenant; a full-text search column;
        connection pooling; an upsert; vacuuming; a JSON column; logical replication; a slow
        pagination query; soft deletes; a time-series table; an audit trigger; collations; read
        replicas; a phantom read; a surrogate key; a bloom filter; write-ahead logging; a
        columnar store; point-in-time recovery""",
        """when {} hurts more than it helps; the query plan with {}; migrating to {} with no
        downtime; {} in SQLite versus a big server; locking caused by {}; monitoring {}; {}
        drawn as a diagram in words; a naming convention for {}; testing {} in CI; disk space
        eaten by {}; a runbook entry for {}; convincing my team to drop {}; {} for an events
        ticketing schema; restoring after a mistake with {}""",
    ),
    Topic.of(
        "web front end",
        """a sticky header; CSS grid; a modal dialog; lazy-loaded images; a drag-and-drop list;
        dark mode; a service worker; form validation; infinite scroll; a date picker; web fonts;
        an accordion menu; keyboard focus traps; client-side routing; a canvas animation;
        hydration mismatches; a carousel; toast notifications; a responsive table; skip links; a
        colour contrast audit; SVG icons; a file upload bar; right-to-left layout; a tooltip""",
        """{} flickering in Safari; making {} usable with a screen reader; {} without
        JavaScript; a bundle-size budget for {}; unit tests around {}; {} on a five-year-old
        phone; a designer's handover note for {}; layout shift from {}; internationalising {};
        {} inside an iframe; an A/B experiment on {}; refactoring {} out of jQuery; memory
        growth from {}""",
    ),
    Topic.of(
        "cloud operations",
        """a blue-green rollout; container health probes; a Terraform state file; log rotation;
        a certificate renewal; autoscaling; a message queue backlog; secrets rotation; DNS
        failover; a noisy pager; canary releases; object storage lifecycle; a load balancer;
        cron drift; a Helm chart; distributed tracing; a rate limiter; spot instances; a bastion
        host; disk pressure evictions; a postmortem; chaos drills; a multi-region cache; IAM
        roles; a build pipeline; egress bills""",
        """the smallest safe setup of {}; an outage last night that involved {}; cost of {};
        alert thresholds for {}; {} explained to finance people; a rollback plan for {};
        hardening {}; {} on bare metal; ownership of {} across squads; a dashboard that shows
        {}; on-call training about {}; vendor lock-in through {}; a compliance question on {}""",
    ),
    Topic.of(
        "spreadsheets",
        """a pivot table; XLOOKUP; conditional formatting; a Gantt chart; array formulas;
        drop-down lists; a mortgage sheet; circular references; named ranges; a rota; imported
        CSV dates; a heat map; duplicate rows; a waterfall chart; protected cells; nested IFs; a
        stock sheet; a macro that emails; text splitting; a travel expense form; running totals;
        a sparkline; a class register; weighted grades; merged cells""",
        """{} showing the wrong totals; building {} from two sheets; {} on a shared drive; {}
        getting slow past fifty thousand rows; printing {} on one page; a formula for {};
        undoing {}; teaching {} to my mother; {} in LibreOffice; automating {} every Monday; {}
        with German number formats; checking {} for mistakes; replacing {} by a real database""",
    ),
    Topic.of(
        "statistics",
        """a confidence interval; Simpson's paradox; a bootstrap; logistic regression;
        p-hacking; a survival curve; stratified sampling; missing data; a t-test;
        multicollinearity; the base rate fallacy; a power calculation; a Bayesian prior;
        survivorship bias; outliers; a Poisson process; an A/B test; principal components;
        time-series seasonality; regression to the mean; a chi-square table; a quantile plot;
        random effects; a Likert scale; propensity scores; the central limit theorem""",
        """{} in a hospital study; intuition for {}; an R or numpy sketch of {}; a newspaper
        that misreports {}; {} with only nine observations; assumptions behind {}; exam
        exercises on {}; a picture that conveys {}; {} for football results; reviewing a thesis
        chapter on {}; simulating {}; {} versus a rule of thumb; how {} was invented""",
    ),
    Topic.of(
        "machine learning",
        """attention heads; a learning-rate warm-up; label noise; gradient clipping; k-means; a
        recommender; tokenisation; dropout; a confusion matrix; transfer learning; embeddings;
        data leakage; a random forest; class imbalance; a variational autoencoder; beam search;
        contrastive loss; model drift; quantisation; active learning; federated training;
        reinforcement from feedback; speech recognition; anomaly detection; a U-Net; pruning""",
        """why {} sometimes makes validation worse; a from-scratch toy example of {}; {} on a
        laptop without a GPU; debugging {} when the loss is NaN; the history of {}; an ablation
        table on {}; {} in medical imaging; fairness concerns with {}; a lecture outline on {};
        hyperparameters of {}; reading a paper about {}; {} for a bakery's demand forecast;
        monitoring {} once deployed""",
    ),
    Topic.of(
        "electronics",
        """a flickering LED strip; an I2C bus; a stepper motor; a buck converter; an ESP32
        sensor; a guitar pedal; a Geiger counter; a theremin; soldering fine pitch; a lithium
        charger; an oscilloscope probe; a servo arm; a relay board; an FM receiver; a weather
        station; a logic level shifter; a Hall sensor; a vacuum-tube amplifier; PCB ground
        planes; a rotary encoder; a solar garden light; a Nixie clock; an e-ink badge; a CAN bus
        sniffer""",
        """{} that resets at random; a parts list for {}; noise on {}; powering {} for a year; a
        school workshop with {}; a wiring description for {}; {} overheating; waterproofing {};
        firmware for {}; a cheaper design of {}; measuring current in {}; certifying {} for
        sale; {} interfering with the radio""",
    ),
    Topic.of(
        "network security",
        """a phishing mail; password managers; a home VPN; an expired certificate; open ports;
        two-factor prompts; a ransomware drill; cross-site scripting; a stolen laptop; guest
        Wi-Fi; a smart doorbell; USB sticks found in the car park; DNS filtering; a bug bounty;
        passkeys; an insider leak; SSH keys; a suspicious browser extension; backup tapes;
        shadow IT; a firewall rule; SIM swapping; threat modelling; an access review; a honeypot""",
        """a staff training slide on {}; policy wording about {}; first steps after {}; {} in a
        dental practice; explaining {} to the board; logging around {}; the history of {}; {}
        for a family of five; a checklist on {}; false alarms from {}; {} on a tiny budget;
        auditing {} once a quarter; a tabletop exercise on {}""",
    ),
    Topic.of(
        "school mathematics",
        """quadratic equations; long division; the unit circle; prime factors; negative
        exponents; similar triangles; Venn diagrams; matrices; limits; compound interest;
        permutations; simultaneous equations; fractions; logarithms; vectors; a proof by
        induction; integration by parts; modular arithmetic; surds; tree diagrams; Pythagoras;
        arithmetic sequences; complex numbers; mental multiplication; bearings; graph colouring""",
        """a word problem about {}; {} for a child with dyscalculia; the usual slip with {}; a
        card game that trains {}; where {} turns up in real life; a proof sketch for {}; {} step
        by step with small numbers; ten graded exercises on {}; a mnemonic for {}; {} before
        calculators existed; marking an answer on {}; {} in architecture""",
    ),
    Topic.of(
        "physics",
        """angular momentum; black-body radiation; buoyancy; a superconductor; the Doppler
        effect; entropy; standing waves; a Foucault pendulum; special relativity; the Coriolis
        force; surface tension; a Faraday cage; nuclear fusion; polarised light; quantum
        tunnelling; terminal velocity; a lever; the greenhouse effect; magnetism; a gyroscope;
        lightning; rainbows; sonic booms; heat pumps; Brownian motion; a trebuchet""",
        """a kitchen experiment on {}; the equations for {}; a misconception about {}; {} at the
        scale of atoms; an estimate involving {} on Mars; {} in a children's museum; how
        engineers exploit {}; the discovery of {}; a quiz on {}; {} without any algebra;
        simulating {} in a browser; {} in sport; a dimensional analysis of {}""",
    ),
    Topic.of(
        "chemistry",
        """titration; rusting; soap; a buffer solution; catalysts; noble gases; crystals of
        alum; chromatography; electroplating; fermentation; aspirin; polymers; limescale;
        isotopes; bleach; distillation; a Grignard reaction; fireworks; glass; ammonia;
        chirality; acid rain; dry ice; perfume; ionic bonds; paint pigments""",
        """lab safety with {}; balancing equations for {}; a demonstration of {} for open day;
        the industrial process behind {}; {} on the molecular level; an exam answer about {};
        removing or preventing {} at home; environmental effects of {}; green alternatives to
        {}; {} in the nineteenth century; instruments that measure {}; yield problems with {}""",
    ),
)
