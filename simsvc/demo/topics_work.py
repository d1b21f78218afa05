"""What people ask about work, money, the law and pastimes."""

from __future__ import annotations

from simsvc.demo.phrases import Topic

WORK = (
    Topic.of(
        "job hunting",
        """a nurse's CV; a gap of three years; a salary counter-offer; an internship at a zoo; a
        panel interview; references; a career change into carpentry; a portfolio site; a visa
        sponsor; a group assessment day; ghosting recruiters; a teaching post; a probation
        period; networking events; a non-compete clause; relocation money; a sabbatical; an
        apprenticeship; a fired manager; a referral from a friend; remote-only roles; a video
        application; part-time law work""",
        """a cover letter that mentions {}; an honest answer about {}; nerves because of {};
        recruiters' view of {}; negotiating over {}; an e-mail concerning {}; {} at the age of
        fifty; red flags with {}; a mock interview on {}; statistics on {}; {} in the public
        sector; a LinkedIn post about {}; preparing for {} in two days""",
    ),
    Topic.of(
        "management",
        """a weekly stand-up; a redundancy round; a brilliant jerk; quarterly goals; a hybrid
        rota; exit interviews; a peer feedback form; a merger; burnout; an all-hands speech;
        delegation; a missed deadline; a new starter; a flat hierarchy; annual appraisals;
        office moves; conflict between two leads; a volunteer team; a four-day week; a strike;
        meeting overload; a succession plan; cultural misunderstandings; a pilot project""",
        """an agenda about {}; a difficult conversation on {}; metrics for {}; announcing {};
        the law around {}; lessons from {}; {} in a team of five; a workshop on {}; the pros and
        cons of {}; resistance to {}; a story that illustrates {}; a one-page policy on {}; what
        research finds about {}""",
    ),
    Topic.of(
        "marketing",
        """a vegan cheese; a dentist's website; a podcast launch; an indie bookshop; a
        crowdfunding page; a beekeeping course; a luxury hostel; a refill store; an app for
        birdwatchers; a vineyard; an escape room; handmade soap; a theatre season; a bike-repair
        van; a tutoring agency; a food bank; a chess club; a coworking barn; an oat drink; a
        museum shop; a ferry line; second-hand prams; a yoga retreat; a craft distillery; a
        solar installer""",
        """slogans for {}; a newsletter about {}; a persona for customers of {}; a price test
        for {}; bad reviews of {}; a radio spot for {}; search keywords for {}; a rebrand of {};
        the competition of {}; a press release on {}; an Instagram month for {}; partnerships
        for {}; a survey among visitors of {}; the launch budget of {}""",
    ),
    Topic.of(
        "law for laypeople",
        """a rental deposit; a noisy neighbour; a handwritten will; a parking fine; a defective
        sofa; a freelance contract; an inheritance dispute; a trademark; a dog bite; a cancelled
        flight; a boundary hedge; a power of attorney; a company name; an eviction notice;
        copyright in photos; a prenuptial agreement; an unpaid invoice; jury duty; a data
        request; a workplace accident; adoption papers; a timeshare; a small claim; a charity's
        statutes; a gym membership""",
        """a letter about {}; my rights concerning {}; deadlines for {}; evidence needed for {};
        the difference between England and Scotland on {}; mediation over {}; {} in plain words;
        a summary of terms on {}; costs of going to court over {}; {} when one party lives
        abroad; common errors with {}; a checklist for {}; {} a century ago""",
    ),
    Topic.of(
        "personal finance",
        """an emergency fund; a fixed-rate mortgage; index funds; student debt; a joint account;
        credit-card points; a pension gap; pet insurance; an inheritance; a car loan; a side
        hustle; moving abroad; inflation; a tax refund; a boat; a broken budget; gold coins; a
        first flat; parental leave; a debt spiral; grocery costs; a savings challenge; life
        insurance; bonds""",
        """a monthly plan for {}; arguing with my partner over {}; the arithmetic of {};
        psychological traps around {}; {} on a nurse's salary; explaining {} to teenagers; risks
        of {}; {} at age sixty-three; questions to ask the bank about {}; a spreadsheet layout
        for {}; scams involving {}; alternatives to {}; jargon around {}""",
    ),
    Topic.of(
        "small business",
        """a flower stall; a mobile hairdresser; a translation bureau; a brewery; a nursery
        school; a window cleaner; a web agency; a goat farm; a bakery; a driving school; a sound
        engineer; a bike courier; a ceramic studio; a tax adviser; a cat café; a locksmith; a
        gardening firm; a second-hand shop; a nail salon; a surf school; a tailor; a food truck;
        a kiosk; a campsite""",
        """sales tax for {}; the first hire of {}; late payers of {}; a business plan for {};
        insurance for {}; closing down {}; invoices of {}; a loan for {}; opening hours of {};
        suppliers of {}; seasonal dips at {}; selling {} to a successor; hygiene or safety rules
        for {}; a loyalty card for {}; a complaint against {}""",
    ),
    Topic.of(
        "teaching",
        """fractions with pizza; a debate club; Romeo and Juliet; phonics; the water cycle; a
        class hamster; plagiarism; group projects; a substitute lesson; exam anxiety; the French
        Revolution; coding clubs; parents' evening; a deaf pupil; reading logs; recorder
        lessons; a school garden; map skills; volcano models; bilingual classes; detention; a
        science fair; handwriting; sports day; mixed-age groups; peer marking""",
        """a forty-minute lesson on {}; a rubric for {}; a letter home about {}; {} over video;
        differentiation in {}; a warm-up for {}; what inspectors ask about {}; funding {}; {}
        with no printer; a pupil's excuse about {}; a display board on {}; assessing {} fairly;
        a training day on {}""",
    ),
    Topic.of(
        "language learning",
        """the subjunctive; Mandarin tones; German cases; Arabic roots; false friends; rolled
        Rs; Finnish vowel harmony; irregular verbs; flash cards; a tandem partner; Kanji
        radicals; business English; phrasal verbs; Polish plurals; Swahili noun classes; a
        placement test; slang; Latin inscriptions; listening to radio news; polite forms in
        Korean; Welsh mutations; idioms; sign language; a heritage language; prepositions; the
        aorist""",
        """drills for {}; a dialogue practising {}; the logic behind {}; a funny story about {};
        {} in six weeks; errors English speakers make with {}; songs that help with {}; {} for
        business trips; comparing {} with Spanish; an app idea around {}; a teacher's
        explanation of {}; remembering {}; the history of {}""",
    ),
    Topic.of(
        "board games",
        """a chess endgame; Go openings; a cooperative dungeon; a trading game about spices;
        dominoes; a party card game; a railway game; backgammon; a legacy campaign; mahjong; a
        bluffing game; a worker-placement farm; a two-player duel; Scrabble; a tile-laying city;
        poker odds; a kids' memory game; bridge bidding; a war game; crosswords; a solo puzzle;
        a gamemaster's villain; dice mechanics; a tavern one-shot; a haunted lighthouse quest;
        miniature painting""",
        """house rules for {}; a strategy guide to {}; balancing {}; {} with colour-blind
        players; a rulebook page for {}; the mathematics of {}; a tournament of {}; making {}
        shorter; teaching {} to grandparents; a plot twist in {}; printing a prototype of {}; a
        review of {}; table manners in {}""",
    ),
    Topic.of(
        "video games",
        """a platformer; pixel art; a farming simulator; a speedrun; procedural caves; a fishing
        minigame; loot tables; a stealth level; a racing AI; save files; a boss fight; couch
        co-op; a visual novel; voice acting; a rhythm game; crafting trees; matchmaking; a
        tutorial island; permadeath; inventory screens; a space trader; enemy pathfinding;
        achievements; a retro console; motion sickness; a text adventure""",
        """design notes on {}; player complaints about {}; the code structure of {}; a pitch for
        {}; accessibility in {}; {} made in a weekend jam; monetising {}; nostalgia for {}; the
        difficulty curve of {}; playtesting {}; a parent's worry about {}; sound design for {};
        porting {} to mobile; a wiki article on {}""",
    ),
    Topic.of(
        "cycling and transport",
        """a folding bike; night trains; a cargo bike; tram priority; e-scooters; a puncture;
        bus timetables; a bike lane; a ferry crossing; gravel tours; a car-free square; a
        recumbent; metro maps; rural taxis; school runs on foot; a bike theft; a level crossing;
        congestion charges; cable cars; a tandem; freight barges; a penny-farthing; airport
        queues; a sleeper bus; helmet laws""",
        """a petition about {}; the maintenance or upkeep of {}; safety figures on {}; {} in
        Denmark; cost comparison for {}; a week without {}; {} with two small kids; the
        engineering of {}; complaints to the council about {}; the future of {}; a travel blog
        on {}; accessibility of {}; winter and {}""",
    ),
    Topic.of(
        "odd hobbies",
        """beekeeping; lock picking; fossil hunting; model railways; kombucha; birdwatching;
        geocaching; ham radio; metal detecting; mushroom foraging; juggling; genealogy; fountain
        pens; astrology charts; puppet theatre; sailing knots; worm composting; cheese making;
        magic tricks; falconry; kite building; soap carving; a miniature village; stamp albums;
        cloud spotting; medieval re-enactment""",
        """getting started with {} for under fifty pounds; a club newsletter on {}; the ethics
        of {}; accidents in {}; {} on a houseboat; competitions in {}; a glossary of {}; family
        tension over {}; the best season for {}; a speech about {}; tools and supplies for {};
        {} as a business; the science of {}; a beginner's worst mistakes in {}""",
    ),
)
