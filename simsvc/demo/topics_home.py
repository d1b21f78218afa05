"""What people ask about at home: garden, kitchen, workshop, family."""

from __future__ import annotations

from simsvc.demo.phrases import Topic

HOME = (
    Topic.of(
        "garden",
        """a monstera; tomato seedlings; an old apple tree; lavender; a fiddle-leaf fig;
        rhubarb; climbing roses; a bonsai juniper; strawberries in pots; a blueberry hedge;
        dahlias; a lemon tree in a conservatory; garlic; a mossy lawn; wild meadow seed;
        hydrangeas; sweet peas; a fig against a brick wall; asparagus crowns; orchids; chillies;
        bamboo; raised beds of kale; a wisteria; carnivorous pitcher plants; pumpkins""",
        """repotting {} without shocking the roots; yellow leaves on {}; pruning {} after
        flowering; slugs eating {} at night; taking cuttings from {}; keeping {} alive through
        hard frost; watering {} during a two-week holiday; the right soil acidity for {};
        companion planting around {}; a fungus spreading over {}; moving {} to a new house;
        feeding {} with home-made compost; growing {} on a shady balcony; a sowing calendar for
        {} in a cold climate""",
    ),
    Topic.of(
        "cooking",
        """braised beef cheeks; mushroom risotto; a chickpea curry; shakshuka; miso aubergine;
        duck confit; fish tacos; kimchi stew; paella; lentil soup; stuffed peppers; pad thai; a
        Sunday roast chicken; gnocchi; falafel; ceviche; borscht; jollof rice; ramen broth;
        spanakopita; pork dumplings; ratatouille; a Moroccan lamb tagine; fried plantain; green
        papaya salad; cauliflower cheese""",
        """a recipe for {} that feeds twelve; a version of {} without dairy; rescuing {} that
        came out far too salty; which wine goes with {}; cooking {} on a single camping stove;
        freezing and reheating {}; cheaper ingredients for {}; {} in a pressure cooker; the
        regional origins of {}; making {} mild enough for toddlers; a shopping list for {} at
        the farmers' market; {} scaled up for a school canteen; plating {} like a restaurant
        would""",
    ),
    Topic.of(
        "baking",
        """sourdough rye; croissants; macarons; a Victoria sponge; cinnamon buns; focaccia;
        bagels; choux pastry; gingerbread; a lemon meringue pie; brioche; shortbread; pretzels;
        a Black Forest gateau; flapjacks; carrot cake; pita bread; cannelés; scones; banana
        bread; stollen; cheesecake; oat biscuits; puff pastry; madeleines; naan""",
        """{} collapsing in the middle; gluten-free flour for {}; high-altitude adjustments for
        {}; the hydration or fat ratio in {}; proofing times for {} in a cold kitchen; an egg
        substitute in {}; decorating {} for a retirement party; selling {} at a market stall;
        why the bottom of {} burns in a fan oven; shipping {} by post; cutting sugar in {} by
        half; the chemistry of browning in {}; converting {} from cups to grams""",
    ),
    Topic.of(
        "home repair",
        """a dripping mixer tap; a squeaky staircase; damp behind the wardrobe; a sash window; a
        cracked plaster ceiling; a tripping fuse box; a blocked gutter; loose roof slates; a
        noisy radiator; a wobbly toilet; peeling bathroom paint; an uneven concrete floor; a
        stuck garage door; a leaking shower tray; a draughty letterbox; a rotten fence post; a
        smoking fireplace; a cellar with mould; a broken doorbell; warped laminate flooring; a
        whistling boiler; a cracked kitchen worktop; a loose banister; missing tile grout""",
        """fixing {} as a tenant; what a tradesperson would charge for {}; the tools I need for
        {}; {} coming back every winter; whether insurance pays for {}; a temporary fix for {};
        finding the cause of {}; telling my landlord about {}; {} in a listed building; safety
        risks when dealing with {}; a step list for {} over one weekend; materials that last for
        {}; who is liable for {} in a shared block""",
    ),
    Topic.of(
        "woodworking",
        """a dovetailed drawer; an oak coffee table; a cedar canoe paddle; a rocking chair; a
        plywood bookcase; a turned salad bowl; a workbench vice; a mortised gate; bird boxes; a
        walnut cutting board; a floating shelf; a toy train; a treehouse platform; a bed frame;
        a guitar body; a garden bench; window shutters; a carved spoon; a bandsaw jig; a hope
        chest; a steam-bent stool; picture frames; an epoxy river desk; kumiko panels""",
        """choosing timber for {}; glue failing on {}; a cut list for {}; sanding {} between
        coats; food-safe or weatherproof finish on {}; joinery that holds {} together without
        screws; scaling the plans of {} down by a third; wood movement in {}; pricing {} for a
        craft fair; building {} with hand tools only; staining {} without blotches; sharpening
        what I need for {}; tear-out while planing {}""",
    ),
    Topic.of(
        "sewing and knitting",
        """a raglan sweater; cable-knit socks; a linen shirt; a patchwork quilt; a tailored
        blazer; a crocheted shawl; a baby bonnet; denim jeans; lined curtains; a pleated skirt;
        mittens; a Fair Isle yoke; a tote bag; a wrap dress; a rain jacket; amigurumi animals; a
        corset; a felted hat; a silk blouse; a carnival costume; a lace veil; upholstery
        cushions; pyjama trousers; a swimsuit""",
        """resizing the pattern for {}; yarn or fabric for {}; the zip or fastening on {};
        dropped stitches in {}; hemming {} invisibly; washing {} without shrinking it; reading
        the chart for {}; blocking or pressing {}; puckered seams on {}; mending a hole in {}; a
        beginner schedule for finishing {} before Christmas; turning an old bedsheet into {};
        estimating metres of material for {}""",
    ),
    Topic.of(
        "cars",
        """a diesel estate; a hybrid hatchback; a 1972 roadster; an electric van; a pickup
        truck; a camper conversion; a two-stroke moped; a city runabout; a horse trailer; a
        hearse; a leased saloon; a convertible; a minibus; a sports coupé; a motorbike with a
        sidecar; a tractor; a quad bike; a taxi; a delivery scooter; a motorhome; a snowplough;
        a jeep""",
        """a grinding noise when braking in {}; the battery of {} dying overnight; insuring {}
        for a new driver; winter tyres on {}; the clutch judder in {}; selling {} privately;
        fuel consumption of {} rising; rust under the sills of {}; an engine warning light in
        {}; towing with {}; the roadworthiness test for {}; importing {} from abroad; a service
        log for {}; charging or refuelling {} on a long trip""",
    ),
    Topic.of(
        "pets",
        """a deaf border collie; two indoor kittens; a corn snake; a parrot that swears; guinea
        pigs; a rescue greyhound; goldfish; a Shetland pony; hens; a hamster; an elderly Siamese
        cat; a gecko; stick insects; a teething puppy; a tortoise; budgerigars; a ferret;
        axolotls; a house rabbit; a Great Dane; a tarantula; racing pigeons; a blind dachshund;
        koi""",
        """introducing {} to a newborn; vet bills for {}; {} refusing to eat; travelling by
        train with {}; a winter home for {}; training {} with rewards; fleas, mites or parasites
        on {}; naming {}; boredom in {}; rehoming {} responsibly; the lifespan of {}; allergies
        caused by {}; a sitter's instruction sheet for {}; the legal rules on keeping {}""",
    ),
    Topic.of(
        "parenting",
        """a toddler who bites; twins starting school; a teenager glued to a phone; bedtime
        battles; a picky eater; a stutter; a shy six-year-old; potty training; sibling jealousy;
        pocket money; night terrors; a gifted reader; an imaginary friend; homework refusal; a
        fear of dogs; screen-time rules; a move to another country; a broken arm; chickenpox; a
        first sleepover; bullying on the bus; a school play; learning to swim; colic""",
        """what developmental research says about {}; a calm script for talking about {};
        grandparents who disagree over {}; a picture book idea around {}; {} after a divorce; a
        reward chart for {}; when to see a doctor about {}; a note to the teacher on {};
        handling {} as a single father; games that help with {}; {} during long car journeys;
        how {} differs between cultures""",
    ),
    Topic.of(
        "fitness",
        """a first marathon; pull-ups; kettlebell swings; a stiff lower back; open-water
        swimming; bouldering; a torn hamstring; rowing intervals; yoga for beginners; deadlifts;
        a couch-to-5k plan; runner's knee; tai chi; jump rope; a triathlon; handstands; tennis
        elbow; pilates; boxing drills; post-natal exercise; fencing footwork; judo throws;
        cross-country skiing; shin splints""",
        """an eight-week schedule for {}; recovering from {}; stretches that suit {}; common
        technique mistakes in {}; {} past the age of sixty; nutrition around {}; shoes and gear
        for {}; staying motivated with {}; {} in a hotel room; measuring progress in {};
        combining {} with shift work; the risks of overdoing {}; explaining {} to a school team""",
    ),
    Topic.of(
        "weddings and parties",
        """a barn wedding; a silver anniversary; a surprise fortieth birthday; a baby shower; a
        hen weekend; a school reunion; a retirement dinner; a christening; a garden party; a
        murder-mystery evening; a bar mitzvah; a farewell for a colleague; a graduation lunch; a
        street festival; a funeral tea; a housewarming; a charity gala; a quinceañera; a Diwali
        open house; a beach elopement; a pub quiz; a costume ball; a scout jamboree""",
        """seating plans for {}; a toast at {}; the budget for {}; rain plans for {}; an
        invitation text for {}; music between courses at {}; a photographer's brief for {};
        vegan catering at {}; games for children at {}; thank-you notes after {}; a
        minute-by-minute timetable of {}; a theme and colours for {}; awkward relatives at {}""",
    ),
    Topic.of(
        "sleep and health",
        """insomnia; hay fever; a migraine diary; iron deficiency; jet lag; snoring; eczema;
        high cholesterol; a sprained ankle; acid reflux; lactose intolerance; dry eyes;
        tinnitus; vitamin D; a root canal; coeliac disease; a night shift; dehydration; varicose
        veins; carpal tunnel; blood pressure readings; hiccups; sunburn; a flu jab; asthma
        inhalers""",
        """questions for my doctor about {}; the biology behind {}; myths around {}; daily
        habits that ease {}; {} while pregnant; a plain-language leaflet on {}; how {} is
        diagnosed; {} in the elderly; tracking {} in a notebook; the cost of treating {}
        privately; explaining {} to my employer; {} on a long-haul flight; foods connected with
        {}""",
    ),
)
